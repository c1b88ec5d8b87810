// Two audits compared: waits for it, and shows it.
import { waited } from "./waiting.js";

const base = document.getElementById("compare").dataset.base;
const done = await waited(`${base}/compare/state`);
if (done) {
  document.getElementById("sentence").textContent = done.sentence;
  document.getElementById("sheet").src = `${base}/compare/page`;
  document.getElementById("answer").hidden = false;
}
