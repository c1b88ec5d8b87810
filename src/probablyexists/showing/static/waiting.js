// Waits for a task of the server, and shows how far it is.
const at = (id) => document.getElementById(id);
const OFTEN = 400;

function left(seconds) {
  if (seconds === null) return "";
  return seconds < 90 ? `, about ${Math.ceil(seconds)} s left` : `, about ${Math.ceil(seconds / 60)} minutes left`;
}

function tell(state) {
  at("working").hidden = false;
  if (at("doing").textContent !== state.what) at("doing").textContent = state.what;
  const bar = at("bar");
  if (state.total) {
    bar.max = state.total;
    bar.value = state.done;
    at("count").textContent = `${state.done.toLocaleString("en")} of ${state.total.toLocaleString("en")}${left(state.left)}`;
  } else {
    bar.removeAttribute("value");
    at("count").textContent = "";
  }
}

export function failed(text) {
  at("working").hidden = true;
  at("error").textContent = text;
  at("error").hidden = false;
}

// The state at an address once it is done; null if it failed, which is said.
export async function waited(address) {
  at("error").hidden = true;
  for (;;) {
    const answer = await fetch(address).catch(() => null);
    if (!answer) return failed("The program behind this page does not answer. It has been ended, perhaps."), null;
    if (!answer.ok) return failed("There is no such answer any more."), null;
    const state = await answer.json();
    if (state.state === "failed") return failed([state.error, ...(state.lines || [])].join("; ")), null;
    if (state.state === "done") {
      at("working").hidden = true;
      return state;
    }
    tell(state);
    await new Promise((done) => setTimeout(done, OFTEN));
  }
}
