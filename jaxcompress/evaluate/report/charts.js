"use strict";
// The chart of the metric and scale chosen, and the legend, which hides and shows curves.
(() => {
  const charts = JSON.parse(document.getElementById("charts-data").textContent);
  const place = document.getElementById("chart");
  const log = document.getElementById("log");
  const boxes = [...document.querySelectorAll("#legend input")];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let plot = null;
  let turn = 0;

  const metric = () => document.querySelector("#metric input:checked").value;

  function paint() {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const line = style.getPropertyValue("--faint").trim();
    for (const grid of plot.center) [grid.grid_line_color, grid.grid_line_alpha] = [line, 0.2];
    for (const axis of [...plot.below, ...plot.left]) {
      axis.axis_label_text_color = axis.major_label_text_color = ink;
      axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = line;
      axis.axis_label_text_font_style = "normal";
    }
  }

  function showCurves() {
    const visible = new Set(boxes.filter((box) => box.checked).map((box) => box.dataset.curve));
    for (const renderer of plot.renderers) renderer.visible = visible.has(renderer.name);
  }

  async function draw() {
    const mine = ++turn;
    const chart = charts.find((each) => each.key === metric());
    for (const table of document.querySelectorAll("[data-metric]")) table.hidden = table.dataset.metric !== chart.key;
    for (const box of boxes) {
      const absent = !chart.curves.includes(Number(box.dataset.curve));
      box.disabled = absent;
      box.closest("li").classList.toggle("absent", absent);
      box.closest("li").title = absent ? "this curve has no such metric" : "";
    }
    place.replaceChildren();
    const item = structuredClone(chart.figures[log.checked ? "log" : "linear"]);
    const views = await Bokeh.embed.embed_item(item, place);
    if (mine !== turn) return;
    plot = views.get_by_id(item.root_id).model;
    paint();
    showCurves();
  }

  document.getElementById("metric").addEventListener("change", draw);
  log.addEventListener("change", draw);
  for (const box of boxes) box.addEventListener("change", showCurves);
  dark.addEventListener("change", paint);
  if (charts.length) draw();
})();
