// The blind review: begin under a name, answer by button or key, stop, and what to do with the result.
import { seen } from "./veil.js";

const at = (id) => document.getElementById(id);
const begin = at("begin");
const question = at("question");
const result = at("result");
const base = (begin || question || result).dataset.base;

async function send(address, what) {
  at("why").textContent = "";
  try {
    const answer = await fetch(`${base}${address}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(what),
    });
    const said = await answer.json();
    if (said.to) location.assign(base + said.to);
    at("why").textContent = said.said || said.why || "";
    return answer.ok;
  } catch {
    at("why").textContent = "The page is not served any more, or this answer was not taken: open it again.";
    return false;
  }
}

if (begin) {
  begin.addEventListener("submit", (event) => {
    event.preventDefault();
    send("/review", { name: at("name").value });
  });
}

if (question) {
  const buttons = [...document.querySelectorAll("[data-decision]")];
  const keys = { s: "same", d: "different", u: "cannot say" };
  const address = `/review/${question.dataset.who}/${question.dataset.question}`;
  let sending = false;
  const ready = () => buttons.forEach((button) => (button.disabled = sending || !seen()));
  const decide = async (decision) => {
    if (sending || !seen()) return;
    sending = true;
    ready();
    if (!(await send(address, { decision }))) {
      sending = false;
      ready();
    }
  };
  for (const button of buttons) button.addEventListener("click", () => decide(button.dataset.decision));
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const decision = keys[event.key.toLowerCase()];
    if (decision) decide(decision);
  });
  document.addEventListener("faces", ready);
  at("stop").addEventListener("click", () => send(`/review/${question.dataset.who}/stop`, {}));
  ready();
}

if (result) {
  at("report").addEventListener("click", () => send("/review/report", {}));
  at("print").addEventListener("click", () => print());
}
