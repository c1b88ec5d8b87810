// The arrow keys turn the pages of a list.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const where = { ArrowRight: "next", ArrowLeft: "prev" }[event.key];
  const link = where && document.querySelector(`a[rel=${where}]`);
  if (link) link.click();
});
