// Photos in, the evidence sheet out.
import { seen } from "./veil.js";
import { failed, waited } from "./waiting.js";

const at = (id) => document.getElementById(id);
const form = at("ask");
const base = form.dataset.base;
const most = Number(form.dataset.most);
const bytes = Number(form.dataset.bytes);
const AROUND = 1000; // bytes that are sent around a photo
let current = 0;

const sizeOf = (files) => files.reduce((sum, file) => sum + file.size + AROUND, 0);

function why(files) {
  if (files.length > most) return `${files.length} photos are too many; give at most ${most}.`;
  if (sizeOf(files) > bytes) return `These photos are over ${bytes / 2 ** 20} MB in all; give fewer, or smaller ones.`;
  return "";
}

function chosen() {
  const files = [...at("photos").files];
  at("chosen").replaceChildren(
    ...files.slice(0, most).map((file) => {
      const line = document.createElement("li");
      line.textContent = file.name;
      return line;
    }),
  );
  at("error").hidden = true;
  if (why(files)) failed(why(files));
  ready();
}

function ready() {
  const files = [...at("photos").files];
  at("send").disabled = !files.length || Boolean(why(files)) || Boolean(current);
}

const post = (address, body) => fetch(base + address, { method: "POST", body });

async function sent() {
  const body = new FormData();
  for (const file of at("photos").files) body.append("photos", file);
  const answer = await post("/ask", body).catch(() => null);
  const said = answer && (await answer.json().catch(() => ({ error: "The photos were refused." })));
  if (answer && answer.ok) return follow(said.n);
  failed(said ? said.error : "The photos could not be sent. Has a file changed since, or the program behind this page been ended?");
  return ready();
}

async function follow(n) {
  current = n;
  at("send").disabled = true;
  at("stop").hidden = false;
  at("answer").hidden = true;
  const done = await waited(`${base}/ask/${n}/state`);
  current = 0;
  at("stop").hidden = true;
  if (done) show(n, done);
  ready();
}

function near(rows) {
  at("near").hidden = !rows.length;
  at("wall").replaceChildren(
    ...rows.map((row, i) => {
      const link = document.createElement("a");
      const holder = document.createElement("span");
      const image = document.createElement("img");
      link.href = `${base}/samples/${row}`;
      link.ariaLabel = `Generated sample ${i + 1} of ${rows.length} nearest to the person`; // a veiled picture has none
      holder.className = "picture";
      image.alt = link.ariaLabel;
      image.dataset.src = `${base}/picture/sample/${row}/160`;
      if (seen()) image.src = image.dataset.src;
      holder.append(image);
      link.append(holder);
      return link;
    }),
  );
}

function show(n, done) {
  at("about").textContent = `About: ${done.about.join(", ")}`; // other photos may be chosen by then
  at("answer-title").textContent = `The answer: ${done.finding}`;
  at("sentence").textContent = done.sentence;
  at("lines").replaceChildren(
    ...done.lines.map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    }),
  );
  near(done.near);
  at("answer").dataset.n = n;
  at("alone").href = at("sheet").src = `${base}/ask/${n}`;
  kept(done.kept);
  at("answer").hidden = false;
  at("answer-title").focus();
}

function kept(folder) {
  at("keep").disabled = Boolean(folder);
  at("kept").textContent = folder ? `Kept in ${folder}` : "";
}

at("photos").addEventListener("change", chosen);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  at("send").disabled = true;
  sent();
});
at("stop").addEventListener("click", () => post(`/ask/${current}/stop`));
at("keep").addEventListener("click", async () => {
  const answer = await post(`/ask/${at("answer").dataset.n}/keep`).catch(() => null);
  const said = answer ? await answer.json().catch(() => ({})) : {};
  if (said.kept) kept(said.kept);
  else at("kept").textContent = said.error || "It could not be kept.";
});
for (const button of document.querySelectorAll(".earlier")) {
  button.addEventListener("click", async () => {
    if (current) return;
    const done = await waited(`${base}/ask/${button.dataset.n}/state`);
    if (done) show(button.dataset.n, done);
  });
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  // Also beside the box: a browser would open the photo in place of the page.
  window.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length && !current) {
      at("photos").files = event.dataTransfer.files;
      chosen();
    }
  });
}
if (form.dataset.current) follow(Number(form.dataset.current));
