// One generated face, and after a moment the person who probably exists.
import { seen } from "./veil.js";

const front = document.getElementById("front");
const at = (id) => document.getElementById(id);
const base = front.dataset.base;
const MOMENT = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 600;

let order = front.dataset.order;
let place = 0;
let n = 1;
let timer = 0;
const kept = new Map();

const picture = (face) => `${base}/picture/sample/${face.row}/512`;
const photo = (face, i) => `${base}/picture/person/${face.person.row}/${i || !face.copied ? `training/${i}` : face.copied}/160`;

function fetched(where) {
  const key = `${order} ${where}`;
  if (!kept.has(key)) {
    const asked = fetch(`${base}/face?order=${order}&at=${where}`).then((answer) => {
      if (!answer.ok) throw new Error(answer.status);
      return answer.json();
    });
    asked.catch(() => kept.delete(key));
    kept.set(key, asked);
    if (kept.size > 50) kept.delete(kept.keys().next().value);
  }
  return kept.get(key);
}

function ahead(where) {
  if (where < 0 || where >= n) return;
  fetched(where)
    .then((face) => {
      if (seen()) new Image().src = picture(face);
    })
    .catch(() => {});
}

function source(image, address) {
  image.dataset.src = address;
  if (seen()) image.src = address;
  else image.removeAttribute("src");
}

function tell(face) {
  const person = face.person;
  at("heading").textContent = face.heading;
  at("sentence").textContent = face.sentence;
  at("scale").hidden = face.place === null;
  if (!at("scale").hidden) at("dot").style.left = `${100 * Math.min(1, Math.max(0, face.place))}%`;
  at("evidence").textContent = person ? person.evidence : "";
  at("more").hidden = !person;
  if (person) at("more").href = `${base}/people/${person.row}`;
  const photos = [];
  for (let i = 0; person && i < person.photos; i += 1) {
    const holder = document.createElement("span");
    holder.className = "picture";
    const image = document.createElement("img");
    image.alt = `Training photo ${i + 1} of ${person.name}`;
    source(image, photo(face, i));
    holder.append(image);
    photos.push(holder);
  }
  at("photos").replaceChildren(...photos);
  at("who").classList.add("told");
}

async function go(where) {
  const face = await fetched(where).catch(() => null);
  if (!face) {
    at("who").classList.add("told");
    clearTimeout(timer);
    at("heading").textContent = "Nothing to show";
    at("sentence").textContent = where ? "This sample cannot be read." : "There are no samples in this order.";
    for (const id of ["name", "evidence", "place"]) at(id).textContent = "";
    for (const id of ["scale", "more", "kind"]) at(id).hidden = true;
    at("photos").replaceChildren();
    at("made").removeAttribute("src");
    delete at("made").dataset.src;
    [place, n] = [0, 0];
    at("previous").disabled = at("next").disabled = true;
    return;
  }
  [place, n] = [face.at, face.n];
  clearTimeout(timer);
  at("who").classList.remove("told");
  at("made").alt = `Generated sample ${face.name}`;
  at("made").parentElement.classList.remove("lost");
  source(at("made"), picture(face));
  at("name").textContent = face.name;
  at("kind").hidden = face.kind === "none";
  at("kind").textContent = face.tag;
  at("place").textContent = `${(place + 1).toLocaleString("en")} of ${n.toLocaleString("en")}`;
  at("previous").disabled = place === 0;
  at("next").disabled = place + 1 >= n;
  front.dataset.row = face.row;
  timer = setTimeout(() => tell(face), MOMENT);
  ahead(place + 1);
  ahead(place + 2);
}

const next = () => place + 1 < n && go(place + 1);
const previous = () => place > 0 && go(place - 1);

at("next").addEventListener("click", next);
at("previous").addEventListener("click", previous);
at("order").addEventListener("change", (event) => {
  order = event.target.value;
  go(0);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const onControl = event.target.closest("button, a");
  if (event.key === "ArrowRight" || (event.key === " " && !onControl)) {
    event.preventDefault();
    next();
  }
  if (event.key === "ArrowLeft") previous();
});
let begun = null;
front.addEventListener("touchstart", (event) => (begun = event.changedTouches[0].clientX), { passive: true });
front.addEventListener("touchend", (event) => {
  const moved = begun === null ? 0 : event.changedTouches[0].clientX - begun;
  begun = null;
  if (moved < -60) next();
  if (moved > 60) previous();
});
document.addEventListener("faces", () => {
  ahead(place + 1);
});
go(0);
