/** The pages that are not of one dataset: growth, CUDA, published numbers, searches. */

const FIGURES = { seconds: ["epoch_s", "seconds per epoch"], memory: ["peak_mb", "peak memory, MB"], grown: ["grown_mb", "peak memory without the base, MB"] };

/** What a page of this kind has in common: a choice of the place, sentences, tables and charts. Each
 *  has its rows, `rowsOf(entry)`: {name, look, known, behind}, and while one is in the chart its `series`. */
class OtherPage {
  constructor(go, title, entries, nameOf, key) {
    Object.assign(this, { go, entries, nameOf, key, tables: [], details: new Map() });
    this.choices = element("form", { class: "choices", onsubmit: (event) => event.preventDefault() });
    this.about = element("section", { class: "answer" });
    this.find = findField(go, "");
    this.found = element("p", { class: "found" });
    this.hidden = element("p", { class: "hidden-rows" });
    this.axes = element("div", { class: "axes" });
    this.legend = element("ul", { class: "legend" });
    this.linked = {
      tip: ({ row, title: name = row, facts, behind = [] }) => [name, [...facts, ...behindFacts(behind)]],
      lit: (series, spot) => this.light(series, spot?.of ? [spot.of] : undefined),
      click: ({ of }) => this.open(of.name),
    };
    this.element = element("div", {}, element("h1", {}, title), this.choices, this.about,
      element("div", { class: "tools" }, this.find), this.found, this.hidden);
  }

  /** at(place): which of the page's rows is at a place of the grid. */
  table(caption, sortName, file, at = (place) => place) {
    const rowAt = (place) => this.rows[at(place)];
    const table = new GridTable(caption, sortName, this.go, {
      file,
      firstCell: (place, [text, ...notes]) => rowHead(this, rowAt(place), text, notes),
      below: (place, columns) => this.below(table, rowAt(place), columns),
      lit: (place) => (place === null ? this.light(null) : this.light(rowAt(place).series ?? null, [rowAt(place)])),
      nothing: () => ["No row that is shown."],
    });
    this.tables.push({ table, rowAt });
    this.element.append(element("section", { "aria-label": caption }, element("div", { class: "tools" }, element("h2", {}, caption), table.actions), table.elements));
    return table;
  }

  chart(plot, title) {
    this.plot = plot;
    this.element.append(element("section", { "aria-label": title }, element("h2", {}, title), this.axes,
      element("div", { class: "with-legend" }, plot.figure, this.legend)));
  }

  /** Of places the one with the most rows; of searches the first. */
  usual() {
    const size = ({ trends, grid }) => (trends ?? grid.rows ?? []).length;
    return this.key === "place" ? this.entries.reduce((most, entry) => (size(entry) > size(most) ? entry : most)) : this.entries[0];
  }

  update(state, wrong) {
    const names = this.entries.map(this.nameOf);
    const usual = this.nameOf(this.usual());
    repair(state, this.key, names, wrong, usual);
    const entry = this.entries[names.indexOf(state[this.key] || usual)];
    const more = this.controls?.(entry, state, wrong) ?? [];
    keepingFocus(this.choices, names.length > 1 ? [choice(this.key === "search" ? "Search" : "Machine and split",
      names.map((name) => [name, name]), this.nameOf(entry), (name) => this.go({ [this.key]: name === usual ? "" : name, sort: "", row: "" }), { name: this.key })] : []);
    keepingFocus(this.axes, more);
    if (entry !== this.entry) {
      this.about.replaceChildren(...prose(entry.about));
      this.details.clear();
      this.rows = entry.pageRows ??= apart(this.rowsOf(entry));
    }
    const known = this.rows.map(({ name }) => name);
    for (const name of ["hide", "row"]) repair(state, name, known, wrong);
    Object.assign(this, { entry, state });
    const passing = this.rows.filter((row) => hasWords(row.known ?? [row.name, ...row.behind.map(({ line }) => knownOf(line))].join(" "), state.find));
    this.shown = passing.filter(({ name }) => !state.hide.includes(name));
    if (this.find.value !== state.find) this.find.value = state.find;
    this.found.textContent = passing.length < this.rows.length ? `${passing.length} of ${this.rows.length} rows are found.` : "";
    this.hidden.replaceChildren(...hiddenRows(state.hide, state.hide, this.go));
    this.show(entry, state, wrong);
  }

  showGrid(table, grid, state, wrong) {
    readGrid(grid);
    repair(state, table.sortName, sortsOf(grid), wrong);
    const { rowAt } = this.tables.find((each) => each.table === table);
    const shown = grid.rows.map((_, place) => place).filter((place) => this.shown.includes(rowAt(place)));
    table.show(grid, grid.heads.map((_, place) => place), shown, state[table.sortName]);
    markOpen(table, state.row);
  }

  below(table, row, columns) {
    if (row.name !== this.state.row || !row.behind.length) return null;
    const key = `${table.sortName} ${row.name}`;
    if (!this.details.has(key)) this.details.set(key, detailsOf(row.behind, columns));
    return this.details.get(key);
  }

  open(name) {
    if (name !== this.state.row) this.go({ row: name });
    this.element.querySelector(`tbody [data-row="${CSS.escape(name)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  /** A series of the chart, and rows of the tables: all that the series has, unless these are given. */
  light(series, rows = this.shown.filter((row) => series !== null && row.series === series)) {
    this.plot.light(series);
    for (const { table, rowAt } of this.tables) table.light(...(table.grid?.rows ?? []).flatMap((_, place) => (rows.includes(rowAt(place)) ? [place] : [])));
    for (const entry of this.legend.children) entry.classList.toggle("lit", series !== null && entry.dataset.row === series);
  }
}

/** Rows with names that differ. */
function apart(rows) {
  const names = new Map();
  for (const row of rows) {
    const before = names.get(row.name) ?? 0;
    names.set(row.name, before + 1);
    if (before) row.name += ` (${before + 1})`;
  }
  return rows;
}

/** Of a grid's row its texts in some columns. */
function textsOf(grid, place, ...ids) {
  return ids.map((id) => grid.rows[place][grid.heads.findIndex((head) => head.id === id)].text);
}

const placeOf = (entry) => [entry.machine, entry.split].filter(Boolean).join(", ");

/** Lines over a size, with a legend beside them: {name, look, points: [{x, y, low, high, facts, of}]}; `of`: the row that a point is of. */
function showSeries(page, series, log, titles, levels = []) {
  for (const row of page.rows) row.series = null;
  const points = series.flatMap(({ name, look, points: some }) => some.flatMap((point) => {
    const row = { series: name, row: name, ...look, ...point };
    point.of.series = name;
    return [{ ...row, kind: "line", low: null, high: null }, { ...row, kind: "mark", series: `${name}, marks` }];
  }));
  const ends = (axis, ...fields) => around(
    [...points.flatMap((point) => fields.map((field) => point[field])), ...(axis === "y" ? levels.map((level) => level.y) : [])].filter((end) => end !== null && end !== undefined), log[axis]);
  const [x0, x1] = ends("x", "x");
  const [y0, y1] = ends("y", "y", "low", "high");
  page.plot.show({
    data: { points, levels },
    signals: { x0, x1, y0, y1, x_title: `${titles.x}${log.x ? " (log scale)" : ""}`, y_title: `${titles.y}${log.y ? " (log scale)" : ""}` },
    log, spots: points.filter((point) => point.kind === "mark"),
    label: `${titles.y} over ${titles.x}; the figures are in the table.`,
  });
  page.legend.replaceChildren(...series.map(({ name, look }) => element("li", {
    "data-row": name, onpointerenter: () => page.light(name), onpointerleave: () => page.light(null),
  }, symbolOf(look), name)));
}

/** A figure with its interval, where it has one. */
function withInterval(value, low = null, high = null) {
  return `${significant(value)}${low === null ? "" : ` (${significant(low)}–${significant(high)})`}`;
}

class GrowthPage extends OtherPage {
  constructor(go) {
    super(go, "Growth with the number of ratings", SITE.growths, placeOf, "place");
    this.chart(new Plot("lines", this.linked), "Over the number of ratings");
    this.seconds = this.table("Seconds per epoch", "sort", "ratebench-growth-seconds");
    this.memory = this.table("Peak memory, MB", "memory", "ratebench-growth-memory");
  }

  controls(growth, state, wrong) {
    repair(state, "figure", Object.keys(FIGURES), wrong);
    const figures = Object.entries(FIGURES).map(([name, [, text]]) => [name, text]);
    return [choice("y", figures, state.figure, (figure) => this.go({ figure }), { name: "figure" })];
  }

  rowsOf(growth) {
    return growth.trends.map((trend) => {
      const sizes = trend.sizes.map(([ratings, behind, ...figures]) => ({ ratings, behind: behindOf(behind), ...named(["epoch_s", "peak_mb", "grown_mb"], figures) }));
      return {
        name: trend.device === "CPU" ? trend.name : `${trend.name} (${trend.device})`,
        look: lookOf(trend.look, trend.device !== "CPU"), sizes, behind: sizes.flatMap(({ behind }) => behind),
      };
    });
  }

  show(growth, state, wrong) {
    const [part, title] = FIGURES[state.figure];
    const series = this.shown.map((row) => ({
      name: row.name, look: row.look,
      points: row.sizes.filter((size) => size[part]?.[0] > 0).map(({ ratings, behind, [part]: [y, low = null, high = null] }) => ({
        x: ratings, y, low: low > 0 ? low : null, high, of: row, behind,
        facts: [[title, `${withInterval(y, low, high)} at ${ratings.toLocaleString("en")} ratings`]],
      })),
    })).filter(({ points }) => points.length);
    showSeries(this, series, { x: true, y: true }, { x: "ratings", y: title });
    this.showGrid(this.seconds, growth.seconds, state, wrong);
    this.showGrid(this.memory, growth.memory, state, wrong);
  }
}

class CudaPage extends OtherPage {
  constructor(go) {
    super(go, "CUDA beside the CPU", SITE.cuda, placeOf, "place");
    this.chart(new Plot("lines", this.linked), "Speed-up of an epoch: above 1 CUDA is faster");
    this.pairs = this.table("Every cell that ran on both", "sort", "ratebench-cuda");
  }

  controls(cuda, state, wrong) {
    const batches = Object.keys(cuda.by_batch ?? {});
    repair(state, "over", ["ratings", ...batches], wrong);
    const options = [["ratings", "number of ratings"], ...batches.map((name) => [name, `batch size, ${name}`])];
    return [choice("x", options, state.over, (over) => this.go({ over }), { name: "over" })];
  }

  rowsOf(cuda) {
    readGrid(cuda.grid);
    return cuda.behind.map((behind, place) => ({
      name: textsOf(cuda.grid, place, "implementation", "batch", "dataset").join(", "), behind: behindOf(behind),
    }));
  }

  show(cuda, state, wrong) {
    const curves = state.over === "ratings" ? cuda.by_ratings : cuda.by_batch[state.over];
    const series = curves.map(({ name, look, points }) => ({
      name, look: lookOf(look, true),
      points: points.filter(([, , row]) => this.shown.includes(this.rows[row])).map(([size, times, row, low = null, high = null]) => ({
        x: size, y: times, low, high, of: this.rows[row], title: this.rows[row].name, behind: this.rows[row].behind,
        facts: [["Times as fast", `${withInterval(times, low, high)} at ${size.toLocaleString("en")}${low === null ? ", one run" : ""}`]],
      })),
    })).filter(({ points }) => points.length);
    const x = state.over === "ratings" ? "ratings" : `batch size on ${state.over}`;
    showSeries(this, series, { x: true, y: true }, { x, y: "times as fast on CUDA" }, [{ y: 1, label: "as fast as the CPU" }]);
    this.showGrid(this.pairs, cuda.grid, state, wrong);
  }
}

class PublishedPage extends OtherPage {
  constructor(go) {
    super(go, "Published numbers, and those reproduced", SITE.published, placeOf, "place");
    this.chart(new Plot("beside", this.linked), "Published (diamond) and reproduced (circle, with its interval)");
    this.legend.remove();
    this.numbers = this.table("Published numbers", "sort", "ratebench-published");
  }

  rowsOf(published) {
    const grid = readGrid(published.grid);
    return published.behind.map((behind, place) => {
      const [name, data, metric, theirs, ours] = textsOf(grid, place, "implementation", "data", "metric", "published", "reproduced");
      return { name: `${name}, ${data}, ${metric}`, label: `${name}\n${data}, ${metric}`, behind: behindOf(behind), place, facts: [["Published", theirs], ["Reproduced", ours]] };
    });
  }

  show(published, state, wrong) {
    this.showGrid(this.numbers, published.grid, state, wrong);
    const { heads, rows } = published.grid;
    const [theirs, ours] = ["published", "reproduced"].map((id) => heads.findIndex((head) => head.id === id));
    const points = this.shown.flatMap((row) => {
      const [{ value: x, low, high }, { value: other }] = [rows[row.place][ours], rows[row.place][theirs]];
      row.series = Number.isFinite(x) && Number.isFinite(other) ? row.name : null;
      return row.series ? [{ name: row.label, row: row.name, x, low, high, published: other }] : [];
    });
    const of = new Map(this.shown.map((row) => [row.name, row]));
    const [x0, x1] = around(points.flatMap((point) => [point.x, point.low, point.high, point.published].filter((end) => end !== null)), false);
    this.plot.show({
      data: { points }, signals: { x0, x1, x_title: "error" }, spots: points.flatMap(({ name: y, row, x, published: other }) => {
        const { facts, behind } = of.get(row);
        return [x, other].map((each) => ({ row, x: each, y, of: of.get(row), facts, behind }));
      }),
      label: `${points.length} published numbers beside those reproduced; the figures are in the table.`,
      height: 60 + 34 * points.length,
    });
  }
}

class SearchesPage extends OtherPage {
  constructor(go) {
    super(go, "Searches for hyperparameters", SITE.searches, searchName, "search");
    this.chart(new Plot("lines", this.linked), "Validation RMSE of each trial, and the best so far");
    this.best = this.table("The best trials", "sort", "ratebench-search", (place) => this.entry.grid.rows[place][0].value);
    this.every = this.table("All trials", "trials", "ratebench-trials");
  }

  rowsOf(search) {
    const view = { dataset: search.dataset, machine: search.machine };
    const { implementation, varied, seed } = search;
    return search.trials.map((parts, place) => {
      const trial = named(["rmse", "epoch", "fit_s", "status", "values", "commit", "reasons"], parts, { status: "ok", values: [], commit: 0, reasons: [] });
      const name = `trial ${place}`;
      const settings = varied.map((each, at) => shellWord(`${implementation}.${each}=${trial.values[at]}`));
      const line = {
        name, label: implementation, model: search.model, device: search.device, threads: search.threads, pinned: search.pinned ?? false,
        hyperparameters: { ...search.fixed, ...Object.fromEntries(varied.map((each, at) => [each, shortNumber(trial.values[at])])) },
        command: [search.command[0], ...settings, search.command[1]].join(" "), skipped: [],
      };
      const run = { ...readRun([seed, trial.status]), commit: trial.commit, fit_s: trial.fit_s, reasons: trial.reasons };
      return { name, ...trial, place, behind: [{ line, view, runs: [run] }], known: [name, trial.status, hyperparameterText(line)].join(" ") };
    });
  }

  /** Every trial, as the table of the best has them, with its status. */
  gridOf(search) {
    const numbers = ["trial", "validation RMSE", "epochs", "fit s"];
    const heads = [...numbers, ...search.varied].map((text) => ({ id: text.replaceAll(" ", "-"), text, number: true, better: "low" }));
    const footnotes = unique(this.rows.flatMap(({ reasons }) => reasons));
    const rows = this.rows.map(({ place, rmse = null, epoch = null, fit_s: fit = null, values, status, reasons }) => [
      plainCell(`${place}`, place), plainCell(rmse?.toFixed(4) ?? "—", rmse), plainCell(`${epoch ?? "—"}`, epoch), plainCell(fit === null ? "—" : significant(fit), fit),
      ...values.map((value) => plainCell(`${shortNumber(value)}`, shortNumber(value))),
      plainCell(status, status, reasons.map((reason) => footnotes.indexOf(reason))),
    ]);
    return { heads: [...heads, { id: "status", text: "status" }], rows, footnotes: footnotes.map((reason) => SITE.texts[reason]), read: true };
  }

  show(search, state, wrong) {
    let best = Infinity;
    const scored = this.shown.filter((trial) => trial.rmse !== undefined);
    const bestLook = { series: "best", row: "best so far", kind: "line", ...lookOf(1, false) };
    const points = scored.flatMap((trial) => {
      const before = best;
      best = Math.min(best, trial.rmse);
      const each = { x: trial.place, of: trial, behind: trial.behind, facts: [["Validation RMSE", trial.rmse.toFixed(4)]] };
      return [
        { ...each, y: trial.rmse, series: "trials", row: trial.name, kind: "point", ...lookOf(2, true) },
        ...(before > best && before < Infinity ? [{ ...each, y: before, ...bestLook }] : []),
        { ...each, y: best, ...bestLook },
      ];
    });
    const values = scored.map((trial) => trial.rmse).sort((a, b) => a - b);
    const middle = values[Math.floor(values.length / 2)] ?? 1;
    const end = Math.max(middle, Math.min(middle + 3 * (middle - values[0]), values.at(-1)));
    const [y0, y1] = around(values.filter((value) => value <= end), false);
    for (const trial of this.rows) trial.series = scored.includes(trial) && trial.rmse <= end ? trial.name : null;
    const above = values.filter((value) => value > end).length;
    this.plot.show({
      data: { points: points.filter((point) => point.kind === "line" || point.y <= end), levels: [] },
      signals: { x0: -0.5, x1: this.rows.length - 0.5, y0, y1, x_title: "trial", y_title: "validation RMSE" },
      spots: points.filter((point) => point.kind === "point" && point.y <= end),
      label: `Validation RMSE of ${scored.length} trials; they are in the tables.`,
      note: above ? [`${above} trials lie above the frame.`] : [],
    });
    this.legend.replaceChildren(...[["trial", lookOf(2, true)], ["best so far", lookOf(1, false)]].map(([name, look]) => element("li", {}, symbolOf(look), name)));
    this.showGrid(this.best, search.grid, state, wrong);
    this.showGrid(this.every, search.every ??= this.gridOf(search), state, wrong);
  }
}

const searchName = (search) => [search.name, search.dataset, search.split, search.machine].join(", ");

/** As a shell takes it, whatever it contains. */
function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** A number as the tables show those that vary; another text as it is. */
function shortNumber(text) {
  return text !== "" && Number.isFinite(Number(text)) ? Number(Number(text).toPrecision(5)) : text;
}
