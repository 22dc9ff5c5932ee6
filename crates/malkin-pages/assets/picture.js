// The flow graph: the SVG of the server, taken apart by the XML parser and shown in a box that scrolls and zooms.
const box = document.getElementById("picture");
if (box) {
  fetch(box.dataset.src).then(async (answer) => {
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const address = URL.createObjectURL(new Blob([await answer.text()], { type: "image/svg+xml" }));
    const image = new Image();
    image.alt = "";
    image.addEventListener("load", () => {
      let scale = 1;
      const [width, height] = [image.naturalWidth, image.naturalHeight];
      const size = () => { image.width = width * scale; image.height = height * scale; };
      if (width > box.clientWidth) scale = Math.max(box.clientWidth / width, 0.35);
      size();
      box.replaceChildren(image);
      const zoom = (factor) => { scale = Math.min(Math.max(scale * factor, 0.05), 4); size(); };
      box.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      }, { passive: false });
      box.addEventListener("keydown", (event) => {
        if (event.key === "+" || event.key === "w") zoom(1.25);
        else if (event.key === "-" || event.key === "s") zoom(0.8);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
    });
    image.src = address;
  }).catch((error) => { box.textContent = `The graph is not there: ${error.message}. The listing has the same content.`; });
}
