"use strict";
// Two versions of a picture on top of each other, with a divider between them; both move and zoom as one.
(() => {
  if (!document.getElementById("viewer")) return;
  const { images, shots, curves } = JSON.parse(document.getElementById("gallery-data").textContent);
  const element = (id) => document.getElementById(id);
  const [picture, target, factor, stage, divider] = ["picture", "target", "factor", "stage", "divider"].map(element);
  const sides = ["left", "right"].map((name) => ({
    choice: element(name), place: element(`${name}-side`), caption: element(`${name}-caption`), turn: 0,
  }));
  const view = { x: 0, y: 0, scale: 1, split: 0.5, fitted: true };
  const pixels = new Map(); // of the picture shown, by place in the images

  const shot = () => shots[Number(picture.value)];
  const versions = () => shot().targets[Number(target.value)].shown;
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // --- what is shown ---

  async function load(place) {
    if (!pixels.has(place)) {
      pixels.set(place, (async () => {
        const image = new Image();
        image.src = images[place];
        await image.decode();
        const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, canvas.width, canvas.height);
      })());
    }
    return pixels.get(place);
  }

  async function makeErrorMap(place) {
    const [original, decoded] = await Promise.all([load(shot().original), load(place)]);
    const map = new ImageData(original.width, original.height); // cuts off at 255
    const times = Number(factor.value);
    for (let i = 0; i < map.data.length; i += 4) {
      for (let c = 0; c < 3; c++) map.data[i + c] = times * Math.abs(original.data[i + c] - decoded.data[i + c]);
      map.data[i + 3] = 255;
    }
    return map;
  }

  // A choice is "original", or "picture" or "error" and the place of a curve.
  function find(value) {
    const [kind, curve] = value.split(" ");
    return { kind, version: versions().find((version) => version.curve === Number(curve)) };
  }

  function dataOf({ kind, version }) {
    if (kind === "original") return load(shot().original);
    return kind === "error" ? makeErrorMap(version.image) : load(version.image);
  }

  function describe(caption, { kind, version }) {
    const name = document.createElement("b");
    const details = document.createElement("span");
    if (kind === "original") {
      name.textContent = "Original";
      details.textContent = `${shot().width} × ${shot().height} pixels`;
    } else {
      name.textContent = curves[version.curve] + (kind === "error" ? `: error × ${factor.value}` : "");
      const values = version.values.map(([label, value]) => `${label} ${value}`);
      details.textContent = [`${version.bpp.toFixed(4)} bpp`, ...values, `quality ${version.quality}`].join(" · ");
    }
    caption.replaceChildren(name, details);
  }

  async function showSide(side) {
    const mine = ++side.turn;
    const found = find(side.choice.value);
    const data = await dataOf(found);
    if (mine !== side.turn) return;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [data.width, data.height];
    canvas.getContext("2d").putImageData(data, 0, 0);
    side.place.replaceChildren(canvas);
    describe(side.caption, found);
    place();
  }

  const show = () => Promise.all(sides.map(showSide));

  function offer() {
    const kept = sides.map((side) => side.choice.value);
    const usual = ["original", `picture ${versions()[0]?.curve}`];
    sides.forEach((side, i) => {
      const decoded = document.createElement("optgroup");
      const errors = document.createElement("optgroup");
      [decoded.label, errors.label] = ["Decoded", "Error"];
      for (const version of versions()) {
        const label = `${curves[version.curve]}, ${version.bpp.toFixed(3)} bpp`;
        decoded.append(new Option(label, `picture ${version.curve}`));
        errors.append(new Option(`Error of ${label}`, `error ${version.curve}`));
      }
      side.choice.replaceChildren(new Option("Original", "original"), decoded, errors);
      side.choice.value = kept[i] || usual[i];
      if (side.choice.selectedIndex < 0) side.choice.value = "original";
    });
  }

  function chooseTarget() {
    offer();
    show();
  }

  function choosePicture() {
    pixels.clear();
    target.replaceChildren(...shot().targets.map(({ bpp }, i) => new Option(`${Number(bpp.toFixed(4))} bpp`, i)));
    element("target-choice").hidden = shot().targets.length < 2;
    stage.style.aspectRatio = `${shot().width} / ${shot().height}`;
    view.fitted = true;
    chooseTarget();
  }

  // --- where it is shown ---

  const fit = () => Math.min(stage.clientWidth / shot().width, stage.clientHeight / shot().height);

  function place() {
    const { width, height } = shot();
    if (view.fitted) view.scale = fit();
    for (const [axis, room, size] of [["x", stage.clientWidth, width * view.scale], ["y", stage.clientHeight, height * view.scale]]) {
      view[axis] = size <= room ? (room - size) / 2 : clamp(view[axis], room - size, 0);
    }
    for (const canvas of stage.querySelectorAll("canvas")) {
      canvas.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
      canvas.classList.toggle("large", view.scale * devicePixelRatio >= 1.999);
    }
    const percent = 100 * view.split;
    sides[0].place.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
    sides[1].place.style.clipPath = `inset(0 0 0 ${percent}%)`;
    divider.style.left = `${percent}%`;
    divider.setAttribute("aria-valuenow", Math.round(percent));
    element("zoom").textContent = `${Math.round(100 * view.scale * devicePixelRatio)} %`;
  }

  function zoomTo(scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const next = clamp(scale, Math.min(fit(), 1 / devicePixelRatio), 32);
    view.x = x - ((x - view.x) * next) / view.scale;
    view.y = y - ((y - view.y) * next) / view.scale;
    view.scale = next;
    view.fitted = false;
    place();
  }

  function move(dx, dy) {
    view.x += dx;
    view.y += dy;
    place();
  }

  function split(share) {
    view.split = clamp(share, 0, 1);
    place();
  }

  function showWhole() {
    view.fitted = true;
    place();
  }

  function swap() {
    [sides[0].choice.value, sides[1].choice.value] = [sides[1].choice.value, sides[0].choice.value];
    show();
  }

  // --- hands on it ---

  const fingers = new Map(); // pointers that are down, and where
  const inStage = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const span = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { ...inStage(event), divides: event.target === divider });
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { ...inStage(event), divides: before.divides };
    const both = [...fingers.values()];
    fingers.set(event.pointerId, now);
    if (before.divides) return split(now.x / stage.clientWidth);
    if (fingers.size === 2) {
      const after = [...fingers.values()];
      zoomTo((view.scale * span(after)) / Math.max(span(both), 1), (after[0].x + after[1].x) / 2, (after[0].y + after[1].y) / 2);
    }
    move((now.x - before.x) / fingers.size, (now.y - before.y) / fingers.size);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, (event) => {
      fingers.delete(event.pointerId);
      stage.classList.toggle("moving", fingers.size > 0);
    });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = inStage(event);
    zoomTo(view.scale * 2 ** (-event.deltaY / (event.deltaMode === 1 ? 12 : 300)), x, y);
  }, { passive: false });

  const zoomIn = () => zoomTo(view.scale * 1.25);
  const zoomOut = () => zoomTo(view.scale / 1.25);
  const showActual = () => zoomTo(1 / devicePixelRatio);
  const keys = {
    "+": zoomIn, "=": zoomIn, "-": zoomOut, 0: showWhole, 1: showActual, x: swap,
    "[": () => split(view.split - 0.02), "]": () => split(view.split + 0.02),
    Home: () => split(1), End: () => split(0), // the left side alone, the right
  };
  const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!arrow && !act) return;
    event.preventDefault();
    if (!arrow) act();
    else if (event.target === divider) split(view.split - 0.02 * (arrow[0] - arrow[1]));
    else move(40 * arrow[0], 40 * arrow[1]);
  });
  for (const [id, act] of [["in", zoomIn], ["out", zoomOut], ["whole", showWhole], ["actual", showActual], ["swap", swap]]) {
    element(id).addEventListener("click", act);
  }

  picture.append(...shots.map(({ name }, i) => new Option(name, i)));
  picture.addEventListener("change", choosePicture);
  target.addEventListener("change", chooseTarget);
  factor.addEventListener("change", show);
  for (const side of sides) side.choice.addEventListener("change", () => showSide(side));
  new ResizeObserver(place).observe(stage);
  choosePicture();
})();
