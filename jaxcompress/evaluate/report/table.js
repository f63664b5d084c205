"use strict";
// The table of values: filtered by picture and curve, sorted by the column clicked on.
(() => {
  const FIRST = 500; // rows shown at once
  const { columns, curves, rows } = JSON.parse(document.getElementById("table-data").textContent);
  const [picture, curve, count, more] = ["row-picture", "row-curve", "row-count", "more"].map((id) => document.getElementById(id));
  const head = document.querySelector("#rows thead tr");
  const body = document.querySelector("#rows tbody");
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  let sorted = { column: -1, sign: 1 };
  let all = false;

  const option = (text, value) => new Option(text, value);
  const cellsOf = (row) => [curves[row[0]], row[1] ?? "mean", ...row.slice(2)];

  function order(a, b) {
    const [x, y] = [a, b].map((row) => cellsOf(row)[sorted.column]);
    if (x === null || y === null) return (x === null) - (y === null);
    const numbers = [x, y].map((value) => (value === "∞" ? Infinity : value));
    if (numbers.every((value) => typeof value === "number")) return numbers[0] === numbers[1] ? 0 : sorted.sign * Math.sign(numbers[0] - numbers[1]);
    return sorted.sign * compare(String(x), String(y));
  }

  function show() {
    const found = rows.filter(
      (row) =>
        (curve.value === "" || row[0] === Number(curve.value)) &&
        (picture.value === "mean" ? row[1] === null : row[1] !== null && (picture.value === "all" || row[1] === picture.value.slice(1))),
    );
    if (sorted.column >= 0) found.sort(order);
    const shown = all ? found : found.slice(0, FIRST);
    body.replaceChildren(
      ...shown.map((row) => {
        const line = document.createElement("tr");
        cellsOf(row).forEach((value, i) => {
          const cell = line.insertCell();
          cell.textContent = i > 2 && typeof value === "number" ? value.toFixed(4) : (value ?? "");
          if (i > 1) cell.className = "number";
        });
        return line;
      }),
    );
    count.textContent = shown.length < found.length ? `${shown.length} of ${found.length} rows` : `${found.length} rows`;
    more.hidden = shown.length === found.length;
  }

  ["curve", "picture", "quality", ...columns].forEach((name, i) => {
    const cell = document.createElement("th");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    if (i > 1) cell.className = "number";
    button.addEventListener("click", () => {
      sorted = { column: i, sign: sorted.column === i ? -sorted.sign : 1 };
      for (const other of head.children) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sorted.sign > 0 ? "ascending" : "descending");
      show();
    });
    cell.append(button);
    head.append(cell);
  });
  const names = [...new Set(rows.map((row) => row[1]).filter((name) => name !== null))].sort(compare);
  picture.append(option("means over all", "mean"));
  if (names.length) picture.append(option("every one", "all"), ...names.map((name) => option(name, `=${name}`)));
  curve.append(option("all", ""), ...curves.map((name, i) => option(name, i)));
  for (const choice of [picture, curve]) choice.addEventListener("change", show);
  more.addEventListener("click", () => { all = true; show(); });
  show();
})();
