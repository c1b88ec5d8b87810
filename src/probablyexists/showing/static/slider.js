// How much of the generated sample covers the training photo.
const slide = document.getElementById("slide");
const over = document.querySelector("#slider .over");
const look = () => over.style.setProperty("--seen", `${slide.value}%`);
if (slide) {
  slide.addEventListener("input", look);
  look();
}
