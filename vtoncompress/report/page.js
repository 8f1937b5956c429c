"use strict";
// Sorting and filtering; without a script the tables are whole and in the experiment's order.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  // Why a row failed is told over several columns.
  const cellAt = (row, column) => {
    let end = 0;
    return [...row.cells].find((cell) => (end += cell.colSpan) > column);
  };
  const key = (row, column) => cellAt(row, column)?.dataset.key ?? "";
  const compare = (one, other) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const difference = Number(one) - Number(other);
    return Number.isNaN(difference) ? one.localeCompare(other, "en", { numeric: true }) : difference;
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        const order = compare(a, b);
        return down && a !== "" && b !== "" ? -order : order;
      });
      body.append(...rows);
    });
  });
}
for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
  const count = form.querySelector("output");
  const apply = () => {
    const words = form.elements.find.value.trim().toLowerCase().split(/\s+/);
    const chosen = [...form.querySelectorAll("select")].filter((select) => select.value !== "");
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const kept = words.every((word) => text.includes(word))
        && chosen.every((select) => row.dataset[select.name] === select.value);
      row.hidden = !kept;
      shown += kept;
    }
    count.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
}
// A point of a figure leads to its row, also where a filter hides that.
addEventListener("hashchange", () => {
  const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!row?.hidden) return;
  document.querySelector(`form.filters[data-table="${row.closest("table").id}"]`)?.reset();
  setTimeout(() => row.scrollIntoView());
});
