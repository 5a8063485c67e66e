/** The pages that are not of one dataset: growth, CUDA, published numbers, searches. */

const FIGURES = { seconds: ["epoch_s", "seconds per epoch"], memory: ["peak_mb", "peak memory, MB"], grown: ["grown_mb", "peak memory without the base, MB"] };

/** What a page of this kind has in common: a choice of the place, sentences, tables and charts. */
class OtherPage {
  constructor(go, title, entries, nameOf, key) {
    Object.assign(this, { go, entries, nameOf, key });
    this.choices = element("form", { class: "choices", onsubmit: (event) => event.preventDefault() });
    this.about = element("section", { class: "answer" });
    this.axes = element("div", { class: "axes" });
    this.legend = element("ul", { class: "legend" });
    this.element = element("div", {}, element("h1", {}, title), this.choices, this.about);
  }

  table(caption, sortName, file) {
    const table = new GridTable(caption, sortName, this.go, { file });
    this.element.append(element("section", { "aria-label": caption }, element("div", { class: "tools" }, element("h2", {}, caption), table.actions), table.elements));
    return table;
  }

  chart(plot, title) {
    this.element.append(element("section", { "aria-label": title }, element("h2", {}, title), this.axes,
      element("div", { class: "with-legend" }, plot.figure, this.legend)));
  }

  update(state, wrong) {
    const names = this.entries.map(this.nameOf);
    repair(state, this.key, names, wrong, names[0]);
    const entry = this.entries[Math.max(0, names.indexOf(state[this.key]))];
    const more = this.controls?.(entry, state, wrong) ?? [];
    keepingFocus(this.choices, names.length > 1 ? [choice(this.key === "search" ? "Search" : "Machine and split",
      names.map((name) => [name, name]), this.nameOf(entry), (name) => this.go({ [this.key]: name === names[0] ? "" : name, sort: "" }), { name: this.key })] : []);
    keepingFocus(this.axes, more);
    if (entry !== this.entry) this.about.replaceChildren(...prose(entry.about));
    this.entry = entry;
    this.show(entry, state, wrong);
  }

  showGrid(table, grid, state, wrong) {
    readGrid(grid);
    repair(state, table.sortName, sortsOf(grid), wrong);
    table.show(grid, grid.heads.map((_, place) => place), grid.rows.map((_, place) => place), state[table.sortName]);
  }
}

const placeOf = (entry) => [entry.machine, entry.split].filter(Boolean).join(", ");

/** Lines over a size, with a legend beside them: {name, look, points: [{x, y, low, high, text}]}. */
function showSeries(page, series, log, titles, levels = []) {
  const points = series.flatMap(({ name, look, points: some }) => some.flatMap((point) => {
    const row = { series: name, row: name, ...look, ...point };
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
  const light = (name) => {
    page.plot.light(name);
    for (const entry of page.legend.children) entry.classList.toggle("lit", entry.dataset.row === name);
  };
  page.plot.lit = light;
  page.legend.replaceChildren(...series.map(({ name, look }) => element("li", {
    "data-row": name, onpointerenter: () => light(name), onpointerleave: () => light(null),
  }, symbolOf(look), name)));
}

const seriesTip = ({ row, text }) => [row, [["Figure", text]]];

class GrowthPage extends OtherPage {
  constructor(go) {
    super(go, "Growth with the number of ratings", SITE.growths, placeOf, "place");
    this.plot = new Plot("lines", { tip: seriesTip });
    this.chart(this.plot, "Over the number of ratings");
    this.seconds = this.table("Seconds per epoch", "sort", "ratebench-growth-seconds");
    this.memory = this.table("Peak memory, MB", "memory", "ratebench-growth-memory");
  }

  controls(growth, state, wrong) {
    repair(state, "figure", Object.keys(FIGURES), wrong);
    const figures = Object.entries(FIGURES).map(([name, [, text]]) => [name, text]);
    return [choice("y", figures, state.figure, (figure) => this.go({ figure }), { name: "figure" })];
  }

  show(growth, state, wrong) {
    const [part, title] = FIGURES[state.figure];
    const names = ["ratings", "epoch_s", "peak_mb", "grown_mb"];
    const series = growth.trends.map((trend) => ({
      name: trend.device === "CPU" ? trend.name : `${trend.name} (${trend.device})`,
      look: lookOf(trend.look, trend.device !== "CPU"),
      points: trend.sizes.map((size) => named(names, size)).filter((size) => size[part] > 0).map((size) => ({
        x: size.ratings, y: size[part], text: `${significant(size[part])} at ${size.ratings.toLocaleString("en")} ratings`,
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
    this.plot = new Plot("lines", { tip: seriesTip });
    this.chart(this.plot, "Speed-up of an epoch: above 1 CUDA is faster");
    this.pairs = this.table("Every cell that ran on both", "sort", "ratebench-cuda");
  }

  controls(cuda, state, wrong) {
    const batches = Object.keys(cuda.by_batch ?? {});
    repair(state, "over", ["ratings", ...batches], wrong);
    const options = [["ratings", "number of ratings"], ...batches.map((name) => [name, `batch size, ${name}`])];
    return [choice("x", options, state.over, (over) => this.go({ over }), { name: "over" })];
  }

  show(cuda, state, wrong) {
    const curves = state.over === "ratings" ? cuda.by_ratings : cuda.by_batch[state.over];
    const series = curves.map(({ name, look, points }) => ({
      name, look: lookOf(look, true),
      points: points.map(([size, times, low = null, high = null]) => ({
        x: size, y: times, low, high,
        text: `${significant(times)}× at ${size.toLocaleString("en")}${low === null ? ", one run" : ` (${significant(low)}–${significant(high)})`}`,
      })),
    }));
    const x = state.over === "ratings" ? "ratings" : `batch size on ${state.over}`;
    showSeries(this, series, { x: true, y: true }, { x, y: "times as fast on CUDA" }, [{ y: 1, label: "as fast as the CPU" }]);
    this.showGrid(this.pairs, cuda.grid, state, wrong);
  }
}

class PublishedPage extends OtherPage {
  constructor(go) {
    super(go, "Published numbers, and those reproduced", SITE.published, placeOf, "place");
    this.plot = new Plot("beside", { tip: ({ row, text }) => [row, text], lit: (row) => this.plot.light(row) });
    this.chart(this.plot, "Published (diamond) and reproduced (circle, with its interval)");
    this.legend.remove();
    this.numbers = this.table("Published numbers", "sort", "ratebench-published");
  }

  show(published, state, wrong) {
    this.showGrid(this.numbers, published.grid, state, wrong);
    const { heads, rows } = published.grid;
    const at = (id) => heads.findIndex((head) => head.id === id);
    const [name, data, metric, theirs, ours] = ["implementation", "data", "metric", "published", "reproduced"].map(at);
    const points = rows.filter((row) => Number.isFinite(row[theirs].value) && Number.isFinite(row[ours].value)).map((row) => ({
      name: `${row[name].text}\n${row[data].text}, ${row[metric].text}`, row: `${row[name].text}, ${row[data].text}, ${row[metric].text}`,
      x: row[ours].value, low: row[ours].low, high: row[ours].high, published: row[theirs].value,
      text: [["Published", row[theirs].text], ["Reproduced", row[ours].text]],
    }));
    const [x0, x1] = around(points.flatMap((point) => [point.x, point.low, point.high, point.published].filter((end) => end !== null)), false);
    this.plot.show({
      data: { points }, signals: { x0, x1, x_title: "error" }, spots: points.map((point) => ({ ...point, y: point.name })),
      label: `${points.length} published numbers beside those reproduced; the figures are in the table.`,
      height: 60 + 34 * points.length,
    });
  }
}

class SearchesPage extends OtherPage {
  constructor(go) {
    super(go, "Searches for hyperparameters", SITE.searches, searchName, "search");
    this.plot = new Plot("lines", { tip: seriesTip });
    this.chart(this.plot, "Validation RMSE of each trial, and the best so far");
    this.best = this.table("The best trials", "sort", "ratebench-search");
  }

  show(search, state, wrong) {
    let best = Infinity;
    const trials = search.trials.map((values, place) => ({ place, ...named(["rmse", "epoch", "fit_s", "status", "values"], values, { status: "ok", values: [] }) }));
    const scored = trials.filter((trial) => trial.rmse !== undefined);
    const described = (trial) => [`trial ${trial.place}: ${trial.rmse.toFixed(4)}`, ...search.varied.map((name, place) => `${name}=${JSON.stringify(trial.values[place])}`)].join(", ");
    const bestLook = { series: "best", row: "best so far", kind: "line", ...lookOf(1, false) };
    const points = scored.flatMap((trial) => {
      const before = best;
      best = Math.min(best, trial.rmse);
      const each = { x: trial.place, text: described(trial) };
      return [
        { ...each, y: trial.rmse, series: "trials", row: "trial", kind: "point", ...lookOf(2, true) },
        ...(before > best && before < Infinity ? [{ ...each, y: before, ...bestLook }] : []),
        { ...each, y: best, ...bestLook },
      ];
    });
    const values = scored.map((trial) => trial.rmse).sort((a, b) => a - b);
    const middle = values[Math.floor(values.length / 2)] ?? 1;
    const end = Math.max(middle, Math.min(middle + 3 * (middle - values[0]), values.at(-1)));
    const [y0, y1] = around(values.filter((value) => value <= end), false);
    const above = values.filter((value) => value > end).length;
    this.plot.show({
      data: { points: points.filter((point) => point.kind === "line" || point.y <= end), levels: [] },
      signals: { x0: -0.5, x1: trials.length - 0.5, y0, y1, x_title: "trial", y_title: "validation RMSE" },
      spots: points.filter((point) => point.kind === "point" && point.y <= end),
      label: `Validation RMSE of ${scored.length} trials; the best are in the table.`,
      note: above ? [`${above} trials lie above the frame.`] : [],
    });
    this.legend.replaceChildren(...[["trial", lookOf(2, true)], ["best so far", lookOf(1, false)]].map(([name, look]) => element("li", {}, symbolOf(look), name)));
    this.showGrid(this.best, search.grid, state, wrong);
  }
}

const searchName = (search) => [search.name, search.dataset, search.split, search.machine].join(", ");
