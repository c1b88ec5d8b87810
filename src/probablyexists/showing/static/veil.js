// Faces are veiled until the reader chooses to see them; the choice lasts as long as the tab. A veiled picture is not
// even fetched.
const KEY = "probablyexists-faces";
const button = document.getElementById("veil");

export const seen = () => sessionStorage.getItem(KEY) === "shown";

function show() {
  const faces = seen();
  document.documentElement.classList.toggle("faces", faces);
  button.hidden = false;
  button.setAttribute("aria-pressed", String(faces));
  button.textContent = faces ? "Veil faces" : "Show faces";
  for (const image of document.querySelectorAll("img[data-src]")) {
    if (faces && image.getAttribute("src") !== image.dataset.src) image.src = image.dataset.src;
    if (!faces) image.removeAttribute("src");
  }
  document.dispatchEvent(new CustomEvent("faces", { detail: faces }));
}

function toggle() {
  sessionStorage.setItem(KEY, seen() ? "veiled" : "shown");
  show();
}

document.addEventListener(
  "error",
  (event) => {
    const image = event.target;
    if (image instanceof HTMLImageElement && image.getAttribute("src")) image.parentElement.classList.add("lost");
  },
  true,
);
button.addEventListener("click", toggle);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key.toLowerCase() === "f" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
});
show();
