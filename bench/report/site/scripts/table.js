/** A grid as a table: sorted by any column, copied and downloaded as it is shown. */

const GROUPS = { row: "", goals: "Seconds to a validation RMSE", accuracy: "Accuracy", slices: "Test RMSE by slice", cost: "Cost" };

/** A number to sort by, missing ones last in either direction. */
function compareCells(a, b, descending) {
  if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
  const texts = typeof a.value === "string" || typeof b.value === "string";
  const order = texts
    ? String(a.value).localeCompare(String(b.value), "en", { numeric: true })
    : a.value === b.value ? 0 : a.value - b.value; // ∞ − ∞ is no number
  return descending ? -order : order;
}

/** Rows of a grid in the order of `sort`: a column's id, with `-` before it from the greatest down. */
function orderOf(grid, sort) {
  const places = grid.rows.map((_, place) => place);
  const descending = sort.startsWith("-");
  const column = grid.heads.findIndex((head) => head.id === (descending ? sort.slice(1) : sort));
  if (column < 0) return places;
  return places.sort((a, b) => compareCells(grid.rows[a][column], grid.rows[b][column], descending) || a - b);
}

function sortsOf(grid) {
  return grid.heads.flatMap((head) => [head.id, `-${head.id}`]);
}

/** The ends of a column's bars: logarithmic for what spans much, without what lies far out. */
function barScale(grid, column, rows) {
  const cells = rows.map((row) => grid.rows[row][column]).filter((cell) => Number.isFinite(cell.value));
  if (!cells.some((cell) => cell.low !== null) || cells.length < 2) return null;
  const values = cells.map((cell) => cell.value).sort((a, b) => a - b);
  const log = values[0] > 0 && values.at(-1) > 20 * values[0];
  const at = (value) => (log ? Math.log(Math.max(value, values[0] / 10)) : value);
  const low = Math.min(...cells.map((cell) => at(cell.low ?? cell.value)));
  const high = Math.max(...cells.map((cell) => at(Number.isFinite(cell.high ?? cell.value) ? cell.high ?? cell.value : cell.value)));
  const middle = at(values[Math.floor(values.length / 2)]);
  const end = Math.min(high, Math.max(middle + 3 * (middle - low), low + 1e-9));
  return (value) => Math.min(100, Math.max(0, (100 * (at(value) - low)) / (end - low || 1)));
}

/** The style of a cell that draws its interval along its foot. */
function barOf(cell, scale) {
  if (!scale || !Number.isFinite(cell.value) || cell.low === null) return null;
  const at = (value) => `${2 + 0.96 * (Number.isFinite(value) ? scale(value) : 100)}%`;
  return { "--from": at(cell.low), "--to": at(cell.high), "--at": at(cell.value) };
}

/** The text of a cell, below its figure what is in brackets and the rank: together they are the Markdown's. */
function cellText(cell) {
  const [, figure, brackets, rank] = cell.text.match(/^(.*?)( \(.*?\))?( #\d\S*)?$/);
  if (!brackets && !rank) return [figure];
  return [figure, element("span", { class: "second" }, brackets, rank ? element("span", { class: "rank" }, rank) : null)];
}

class GridTable {
  /**
   * caption   what the table is, for a screen reader
   * sortName  the part of the address that holds its order
   * go        changes the state
   * options   file: the name of a download; bars: whether intervals are drawn, too;
   *           firstCell(row, content): what stands in the first column; below(row, columns): a
   *           row of the table below it; carried: the column whose notes stand in the first one
   *           where it is not shown; lit(row): the pointer is on a row, or on none;
   *           nothing(): what stands in a table without rows
   */
  constructor(caption, sortName, go, options = {}) {
    Object.assign(this, { caption, sortName, go, options });
    this.table = element("table", {}, element("caption", { class: "unseen" }, caption));
    this.scroller = element("div", { class: "scroller", role: "region", "aria-label": caption, tabindex: "0" }, this.table);
    this.notes = element("ol", { class: "footnotes" });
    this.rows = new Map();
  }

  get elements() {
    return [this.scroller, this.notes];
  }

  get actions() {
    const file = this.options.file ?? "ratebench";
    return element("span", { class: "actions" },
      button("Copy as Markdown", () => copy(this.markdown(), "Table")),
      button("CSV", () => download(`${file}.csv`, "text/csv;charset=utf-8", this.csv())),
      button("JSON", () => download(`${file}.json`, "application/json", this.json())));
  }

  /** columns: places of the heads to show; rows: places of the rows, in no order. */
  show(grid, columns, rows, sort) {
    const sameColumns = this.grid === grid && String(this.columns) === String(columns);
    Object.assign(this, { grid, columns, sort });
    if (!sameColumns) this.build();
    const wanted = new Set(rows);
    this.order = orderOf(grid, sort).filter((row) => wanted.has(row));
    this.fill();
    for (const [column, cell] of this.headCells) {
      const id = grid.heads[column].id;
      const order = sort === id ? "ascending" : sort === `-${id}` ? "descending" : null;
      if (order) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
    }
  }

  build() {
    const { grid, columns } = this;
    this.rows.clear();
    this.headCells = new Map(columns.map((column) => [column, this.headCell(column)]));
    const groups = [];
    for (const column of columns) {
      const group = grid.heads[column].group ?? "";
      if (groups.at(-1)?.group === group) groups.at(-1).columns.push(column);
      else groups.push({ group, columns: [column] });
    }
    const names = groups.some(({ group }) => GROUPS[group]);
    const groupRow = element("tr", { class: "groups" }, groups.map(({ group, columns: inside }) =>
      GROUPS[group]
        ? element("th", { scope: "colgroup", colspan: inside.length }, GROUPS[group])
        : element("td", { colspan: inside.length })));
    const head = element("thead", {}, names ? groupRow : null, element("tr", {}, [...this.headCells.values()]));
    this.body = element("tbody");
    this.table.replaceChildren(this.table.caption, head, this.body);
    const every = grid.rows.map((_, row) => row);
    this.scales = new Map(this.options.bars ? columns.map((column) => [column, barScale(grid, column, every)]) : []);
  }

  headCell(column) {
    const head = this.grid.heads[column];
    const sorted = () => {
      const first = head.better === "high" ? `-${head.id}` : head.id;
      const second = head.better === "high" ? head.id : `-${head.id}`;
      this.go({ [this.sortName]: this.sort === first ? second : this.sort === second ? "" : first });
    };
    return element("th", { scope: "col", class: head.number ? "number" : "" },
      button(head.number ? cellText(head) : head.text, sorted, { class: "sort", "data-column": head.id }));
  }

  fill() {
    const shown = this.order.flatMap((row) => {
      if (!this.rows.has(row)) this.rows.set(row, this.row(row));
      const below = this.options.below?.(row, this.columns.length);
      return below ? [this.rows.get(row), below] : [this.rows.get(row)];
    });
    if (!shown.length) shown.push(element("tr", { class: "nothing" }, element("td", { colspan: this.columns.length }, this.options.nothing?.() ?? "No rows.")));
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    shown.forEach((row, place) => { // what is in its place already stays
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] ?? null);
    });
    while (this.body.children.length > shown.length) this.body.lastChild.remove();
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true }); // a row that moved lost it
    const used = new Set(this.order.flatMap((row) => this.columns.flatMap((_, place) => this.notesOf(row, place))));
    this.notes.replaceChildren(...this.grid.footnotes.flatMap((note, place) =>
      used.has(place) ? [element("li", { value: place + 1 }, note)] : []));
  }

  row(row) {
    const cells = this.columns.map((column, place) => {
      const head = this.grid.heads[column];
      const cell = this.grid.rows[row][column];
      const notes = this.notesOf(row, place).map((note) => this.noteButton(note));
      const content = [...(head.number ? cellText(cell) : [cell.text]), ...notes];
      if (place === 0) return element("th", { scope: "row", class: head.number ? "number" : "" }, this.options.firstCell?.(row, content) ?? content);
      const bar = barOf(cell, this.scales.get(column));
      const classes = `${head.number ? "number" : ""}${bar ? " bar" : ""}`;
      return element("td", { class: classes, "data-column": head.id, style: bar }, content);
    });
    const { lit } = this.options;
    return element("tr", lit ? { onpointerenter: () => lit(row), onpointerleave: () => lit(null) } : {}, cells);
  }

  /** Notes of the cell at a place of the shown columns. */
  notesOf(row, place) {
    const cells = this.grid.rows[row];
    const { notes } = cells[this.columns[place]];
    const carried = place ? -1 : this.grid.heads.findIndex((head) => head.id === this.options.carried);
    if (carried < 0 || this.columns.includes(carried)) return notes;
    return [...new Set([...notes, ...cells[carried].notes])];
  }

  noteButton(note) {
    const text = this.grid.footnotes[note];
    return button(`[${note + 1}]`, (event) => showNote(event.currentTarget, text), {
      class: "note", title: text, "aria-label": `Note ${note + 1}: ${text}`,
    });
  }

  light(...rows) {
    for (const [each, shown] of this.rows) shown.classList.toggle("lit", rows.includes(each));
  }

  /** Cells as they are shown, row by row. */
  shownCells() {
    return this.order.map((row) => this.columns.map((column, place) => ({ ...this.grid.rows[row][column], notes: this.notesOf(row, place) })));
  }

  markdown() {
    const heads = this.columns.map((column) => this.grid.heads[column]);
    const line = (cells) => `| ${cells.join(" | ")} |`;
    const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/[\\`*|~[\]$_]/g, "\\$&");
    const used = [];
    const lines = this.shownCells().map((cells) => line(cells.map((cell) => {
      used.push(...cell.notes);
      return [escaped(cell.text), ...cell.notes.map((note) => `[${note + 1}]`)].join(" ");
    })));
    const notes = [...new Set(used)].sort((a, b) => a - b).map((note) => `- [${note + 1}] ${escaped(this.grid.footnotes[note])}`);
    return [
      line(heads.map((head) => escaped(head.text))),
      line(heads.map((head) => (head.number ? "---:" : ":---"))),
      ...lines,
      ...(notes.length ? ["", ...notes] : []),
      "",
    ].join("\n");
  }

  /** Of numbers the value and the ends of its interval; a spreadsheet takes no text for a formula. */
  csv() {
    const heads = this.columns.map((column) => this.grid.heads[column]);
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const plain = (value) => {
      if (value === null) return "";
      if (typeof value === "number") return String(value);
      return quoted(/^[=+\-@\t]/.test(value) ? `'${value}` : value);
    };
    const wide = heads.map((head, place) => this.order.some((row) => this.grid.rows[row][this.columns[place]].low !== null));
    const titles = heads.flatMap((head, place) => [head.text, ...(wide[place] ? [`${head.text}, low`, `${head.text}, high`] : [])]);
    const lines = this.shownCells().map((cells) => cells.flatMap((cell, place) => [
      plain(heads[place].number ? cell.value : cell.text),
      ...(wide[place] ? [plain(cell.low), plain(cell.high)] : []),
    ]).join(","));
    return [titles.map(quoted).join(","), ...lines, ""].join("\r\n");
  }

  json() {
    const heads = this.columns.map((column) => this.grid.heads[column]);
    const finite = (value) => (value === Infinity ? "Infinity" : value);
    const rows = this.shownCells().map((cells) => Object.fromEntries(cells.map((cell, place) => {
      const { text, value, low, high, rank, notes } = cell;
      const shown = { text, value: finite(value) };
      if (low !== null) Object.assign(shown, { low: finite(low), high: finite(high) });
      if (rank.length) shown.rank = rank;
      if (notes.length) shown.notes = notes.map((note) => this.grid.footnotes[note]);
      return [heads[place].text, shown];
    })));
    return `${JSON.stringify(rows, null, 1)}\n`;
  }
}

/** What stands in the first column of a row: its name, which opens it, and what hides it. */
function rowHead(page, { name, look }, text, notes) {
  return element("span", { class: "row-name" }, look ? symbolOf(look) : null, element("span", { class: "named" },
    button(text, () => page.go({ row: page.state.row === name ? "" : name }),
      { class: "name", "data-row": name, "aria-expanded": "false", title: "Settings, runs and the command that repeats them" }), notes),
  button("×", () => hideRow(page, name), { class: "hide", "aria-label": `Hide ${name}`, title: "Hide this row, here and in the charts" }));
}

/** Hides a row; the focus goes to the × of the next one, or to what brings it back. */
function hideRow(page, name) {
  const focused = document.activeElement;
  const body = focused?.closest("tbody");
  const place = body ? [...body.querySelectorAll(".hide")].indexOf(focused) : -1;
  page.go({ hide: [...page.state.hide, name], row: page.state.row === name ? "" : page.state.row });
  if (place < 0) return;
  const left = body.querySelectorAll(".hide");
  (left[Math.min(place, left.length - 1)] ?? page.hidden.querySelector("button"))?.focus();
}

/** Says of each name of a row whether it is open. */
function markOpen(table, open) {
  for (const name of table.body.querySelectorAll(".name")) name.setAttribute("aria-expanded", String(name.dataset.row === open));
}

function findField(go, value) {
  const find = element("input", {
    type: "search", name: "find", value, placeholder: "Find rows", "aria-label": "Find rows",
    oninput: () => go({ find: find.value }, { typed: true }),
  });
  return find;
}

/** Names of hidden rows, which bring them back. */
function hiddenRows(names, hide, go) {
  return names.length ? [
    "Hidden: ", ...names.map((name) => button(name, () => go({ hide: hide.filter((each) => each !== name) }), { "aria-label": `Show ${name} again` })),
    button("Show all", () => go({ hide: [] })),
  ] : [];
}

/** A note beside the button that was pressed; Escape or a click elsewhere closes it. */
function showNote(beside, text) {
  const note = element("div", { class: "popover", popover: "auto", role: "note" }, text);
  document.body.append(note);
  note.addEventListener("toggle", (event) => { if (event.newState === "closed") note.remove(); });
  note.showPopover();
  placeBeside(note, beside.getBoundingClientRect());
}

/** Below a box of the window, or above it where there is no room. */
function placeBeside(shown, box) {
  const { offsetWidth: width, offsetHeight: height } = shown;
  const below = box.bottom + 6 + height < innerHeight;
  shown.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
  shown.style.top = `${Math.max(8, below ? box.bottom + 6 : box.top - 6 - height)}px`;
}
