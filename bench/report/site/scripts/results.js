/** The page of one dataset, split and machine: the answer, the table, and its charts. */

const SHOWN_FIRST = ["test-rmse", "fit-s"];
const ORIGINS = ["built-in", "third-party", "own"];
const OVER = { seconds: "training seconds", epochs: "epochs", total: "seconds since the process began" };
const ERRORS = { rmse: "validation RMSE", mae: "validation MAE" };

const unique = (values) => [...new Set(values)];

/** The view that an address means, with the address repaired. */
function chooseView(state, wrong) {
  const first = SITE.views[SITE.first ?? 0];
  repair(state, "dataset", unique(SITE.views.map((view) => view.dataset)), wrong, first.dataset);
  let among = SITE.views.filter((view) => view.dataset === (state.dataset || first.dataset));
  for (const [name, field] of [["split", "heading"], ["machine", "machine"]]) {
    const usual = mainView(among)[field];
    repair(state, name, unique(among.map((view) => view[field])), wrong, usual);
    const wanted = state[name] || usual;
    among = among.filter((view) => view[field] === wanted);
  }
  return readView(among[0]);
}

/** Of several views the one that the page opens with, or that with the most rows. */
function mainView(views) {
  const first = SITE.views[SITE.first ?? 0];
  if (views.includes(first)) return first;
  return views.reduce((most, view) => (view.lines.length > most.lines.length ? view : most));
}

function repairResults(state, view, wrong) {
  const { grid, lines } = view;
  const numbers = grid.heads.filter((head) => head.number).map((head) => head.id);
  const allowed = {
    device: view.devices, sort: sortsOf(grid),
    model: lines.map((line) => line.model), origin: ORIGINS, preset: lines.map((line) => line.preset),
    row: lines.map((line) => line.name), hide: lines.map((line) => line.name),
    add: grid.heads.map((head) => head.id), drop: grid.heads.slice(1).map((head) => head.id),
    across: numbers, up: numbers, log: ["x", "y", "xy", "none"],
    x: Object.keys(OVER), y: Object.keys(ERRORS), time: ["log", "linear"],
  };
  const usual = { across: "fit-s", up: "test-rmse", device: view.devices.length > 1 ? null : view.devices[0] };
  for (const [name, values] of Object.entries(allowed)) repair(state, name, values, wrong, usual[name]);
  const first = grid.heads.filter(shownFirst).map((head) => head.id);
  state.add = state.add.filter((id) => !first.includes(id));
  state.drop = state.drop.filter((id) => first.includes(id));
}

function shownFirst(head, place) {
  return place === 0 || head.id === "device" || head.group === "goals" || SHOWN_FIRST.includes(head.id);
}

class Results {
  constructor(go) {
    this.go = go;
    this.details = new Map();
    this.choices = element("form", { class: "choices", onsubmit: (event) => event.preventDefault() });
    this.answer = element("section", { class: "answer", "aria-label": "Answer" });
    this.tools = element("div", { class: "tools" });
    this.table = new GridTable("Time to goal and accuracy", "sort", go, {
      file: "ratebench", bars: true, carried: "status",
      firstCell: (row, content) => this.firstCell(row, content),
      below: (row, columns) => this.below(row, columns),
      lit: (row) => this.light(row === null ? null : this.view.lines[row].name),
      nothing: () => this.elsewhere(),
    });
    const linked = { lit: (name) => this.light(name), click: (spot) => this.open(spot.row) };
    this.scatter = new Plot("scatter", { ...linked, tip: (spot) => this.rowTip(spot) });
    this.curves = new Plot("lines", { ...linked, tip: (spot) => this.runTip(spot) });
    this.scatterChoices = element("div", { class: "axes" });
    this.curveChoices = element("div", { class: "axes" });
    this.legend = element("ul", { class: "legend" });
    this.about = element("section", { class: "about" });
    this.found = element("p", { class: "found" });
    this.hidden = element("p", { class: "hidden-rows" });
    this.element = element("div", {},
      element("h1", { class: "unseen" }, "Results"), this.choices, this.answer,
      element("div", { class: "first" },
        element("section", { class: "of-table", "aria-labelledby": "table-title" },
          element("h2", { class: "unseen", id: "table-title" }, "Time to goal and accuracy"), this.tools, this.found, this.hidden, this.table.elements),
        element("section", { class: "of-plot", "aria-labelledby": "pareto-title" },
          element("h2", { id: "pareto-title" }, "Accuracy against time"), this.scatterChoices, this.scatter.figure)),
      this.curveSection = element("section", { "aria-labelledby": "curves-title" },
        element("h2", { id: "curves-title" }, "Error over training"), this.curveChoices,
        element("div", { class: "with-legend" }, this.curves.figure, this.legend)),
      this.about);
  }

  update(state, wrong) {
    const view = chooseView(state, wrong);
    repairResults(state, view, wrong);
    const changed = view !== this.view;
    const device = changed || state.device !== this.state?.device;
    Object.assign(this, { state, view });
    if (changed) this.lines = new Map(view.lines.map((line, place) => [line.name, { line, place }]));
    if (changed || !this.choices.children.length) this.chooseData();
    else this.syncChoices();
    if (device) this.say();
    this.shown = this.shownRows();
    this.showTable(changed);
    this.syncTools(changed);
    this.ifChanged("scatter", ["across", "up", "log"], () => this.showScatter());
    this.ifChanged("curves", ["x", "y", "time"], () => this.showCurves());
  }

  /** Draws a chart where its rows or what it shows of them changed: a sort changes none. */
  ifChanged(chart, choices, draw) {
    const drawn = [this.view, String(this.shown), ...choices.map((name) => this.state[name])];
    this.drawn ??= {};
    if (drawn.every((each, place) => each === this.drawn[chart]?.[place])) return;
    this.drawn[chart] = drawn;
    draw();
  }

  /* What is shown of which data */

  chooseData() {
    const { view } = this;
    const of = (views, field) => unique(views.map((each) => each[field]));
    const sameData = SITE.views.filter((each) => each.dataset === view.dataset);
    const sameSplit = sameData.filter((each) => each.heading === view.heading);
    const first = SITE.views[SITE.first ?? 0];
    const plain = (values) => values.map((value) => [value, value]);
    const without = (value, main) => (value === main ? "" : value);
    const choices = [
      choice("Dataset", plain(of(SITE.views, "dataset")), view.dataset,
        (value) => this.go({ dataset: without(value, first.dataset) }), { id: "dataset" }),
      choice("Split", plain(of(sameData, "heading")), view.heading,
        (value) => this.go({ split: without(value, mainView(sameData).heading) }), { id: "split" }),
      choice("Machine", plain(of(sameSplit, "machine")), view.machine,
        (value) => this.go({ machine: without(value, mainView(sameSplit).machine) }), { id: "machine" }),
      choice("Device", [["", view.devices.length > 1 ? "all" : view.devices[0]], ...(view.devices.length > 1 ? plain(view.devices) : [])],
        this.state.device, (value) => this.go({ device: value }), { id: "device" }),
    ];
    const focused = document.activeElement?.id;
    this.choices.replaceChildren(...choices);
    if (focused) this.choices.querySelector(`#${CSS.escape(focused)}`)?.focus();
  }

  syncChoices() {
    this.choices.querySelector("#device").value = this.state.device;
  }

  say() {
    const { view, state } = this;
    this.answer.replaceChildren(
      ...view.notes.map((note) => element("p", { class: "stand-in" }, note)),
      ...prose(view.answers[state.device] ?? view.answers[""]));
    const groups = new Set(view.grid.heads.map((head) => head.group));
    this.about.replaceChildren(
      element("h2", {}, "How to read the figures"),
      ...Object.entries(view.reading).filter(([group]) => groups.has(group)).flatMap(([, text]) => prose(text)),
      element("h3", {}, "Data and machine"), ...prose(view.about));
  }

  /* The table */

  shownRows() {
    const { state, view } = this;
    const fields = ["device", "model", "origin", "preset"].filter((field) => state[field]);
    const rows = view.lines.flatMap((line, row) =>
      fields.every((field) => line[field] === state[field]) && matches(line, state.find) ? [row] : []);
    this.passing = rows.length;
    return rows.filter((row) => !state.hide.includes(view.lines[row].name));
  }

  /** Where else the text is found, for a reader who finds nothing here. */
  elsewhere() {
    const others = this.state.find ? SITE.views.filter((view) => view !== this.view && readView(view).lines.some((line) => matches(line, this.state.find))) : [];
    if (!others.length) return ["No row passes the filters."];
    return ["No row here passes the filters. Found on: ", ...others.slice(0, 8).map(({ dataset, heading: split, machine }) =>
      button([dataset, split, machine].join(", "), () => this.go({ dataset, split, machine, device: "", model: "", origin: "", preset: "" })))];
  }

  shownColumns() {
    const { add, drop } = this.state;
    return this.view.grid.heads.flatMap((head, place) =>
      place === 0 || (shownFirst(head, place) ? !drop.includes(head.id) : add.includes(head.id)) ? [place] : []);
  }

  showTable(changed) {
    if (changed) {
      this.details.clear();
      const { dataset, heading, machine } = this.view;
      this.table.options.file = ["ratebench", dataset, heading, machine].join("-").replace(/[^\w.-]+/g, "-");
    }
    this.table.show(this.view.grid, this.shownColumns(), this.shown, this.state.sort);
    markOpen(this.table, this.state.row);
  }

  firstCell(row, content) {
    const line = this.view.lines[row];
    const [text, ...notes] = content;
    const reason = this.reason(line);
    return [
      rowHead(this, { name: line.name, look: this.look(line) }, text, line.skipped.length ? [] : notes),
      reason ? element("span", { class: "reason" }, reason) : null,
    ];
  }

  /** Why a row has no figures, or why some of its runs did not end well. */
  reason(line) {
    if (line.skipped.length) return line.skipped.join("; ");
    const failed = line.runs.filter((run) => run.status !== "ok");
    const reasons = unique(failed.map((run) => [run.status, ...run.reasons.map((reason) => SITE.texts[reason])].join(": ")));
    return failed.length ? `${line.runs.length - failed.length} of ${line.runs.length} ok; ${reasons.join("; ")}` : "";
  }

  look(line) {
    return lookOf(line.look, line.device !== "CPU");
  }

  below(row, columns) {
    const line = this.view.lines[row];
    if (line.name !== this.state.row) return null;
    const key = `${line.name} ${columns}`;
    if (!this.details.has(key)) this.details.set(key, detailsOf([{ line, view: this.view, runs: line.runs }], columns));
    return this.details.get(key);
  }

  open(name) {
    if (name !== this.state.row) this.go({ row: name });
    this.table.body.querySelector(`[data-row="${CSS.escape(name)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  light(name) {
    if (name === this.lit) return;
    this.lit = name;
    this.table.light(name === null ? null : this.lines.get(name)?.place);
    this.scatter.light(name);
    this.curves.light(name);
    for (const entry of this.legend.children) entry.classList.toggle("lit", entry.dataset.row === name);
  }

  syncTools(changed) {
    const { state, view } = this;
    if (changed) this.buildTools();
    for (const name of ["find", "model", "origin", "preset"]) {
      const field = this.tools.querySelector(`[name=${name}]`);
      if (field && field.value !== state[name]) field.value = state[name];
    }
    const columns = new Set(this.shownColumns());
    for (const box of this.tools.querySelectorAll("[name=column]")) box.checked = columns.has(Number(box.value));
    this.found.textContent = this.passing < view.lines.length ? `${this.passing} of ${view.lines.length} rows pass the filters. ` : "";
    if (this.found.textContent) this.found.append(button("Show all", () => this.go({ find: "", model: "", origin: "", preset: "", device: "" })));
    const hidden = state.hide.filter((name) => this.lines.has(name));
    this.hidden.replaceChildren(...hiddenRows(hidden, state.hide, this.go));
  }

  buildTools() {
    const { state, view, go } = this;
    const values = (field) => unique(view.lines.map((line) => line[field])).filter(Boolean).sort();
    const options = (field) => [["", "any"], ...values(field).map((value) => [value, value])];
    const filter = (label, name) => choice(label, options(name), state[name], (value) => go({ [name]: value }), { name });
    const titles = { row: "Row", goals: "Time to goal", accuracy: "Accuracy", slices: "Slices", cost: "Cost" };
    const groups = Object.entries(titles).map(([group, title]) => {
      const boxes = view.grid.heads.flatMap((head, place) => head.group === group && place > 0 ? [element("label", {},
        element("input", { type: "checkbox", name: "column", value: place, onchange: (event) => this.column(head, place, event.target.checked) }), ` ${head.text}`)] : []);
      return boxes.length ? element("fieldset", {}, element("legend", {}, title), boxes) : null;
    });
    this.tools.replaceChildren(findField(go, state.find),
      folded("Filter", filter("Model", "model"), filter("From", "origin"), filter("Preset", "preset")),
      folded("Columns", groups),
      this.table.actions);
  }

  column(head, place, shown) {
    const name = shownFirst(head, place) ? "drop" : "add";
    const listed = (name === "add") === shown;
    const others = this.state[name].filter((id) => id !== head.id);
    this.go({ [name]: listed ? [...others, head.id] : others });
  }

  /* The charts */

  columnOf(id, fallback) {
    const { heads } = this.view.grid;
    const place = heads.findIndex((head) => head.id === (id || fallback));
    return place < 0 ? heads.findIndex((head) => head.number) : place;
  }

  showScatter() {
    const { state, view } = this;
    const columns = { x: this.columnOf(state.across, "fit-s"), y: this.columnOf(state.up, "test-rmse") };
    const heads = { x: view.grid.heads[columns.x], y: view.grid.heads[columns.y] };
    const cell = (row, axis) => view.grid.rows[row][columns[axis]];
    const finite = (row) => Number.isFinite(cell(row, "x").value) && Number.isFinite(cell(row, "y").value);
    const rows = this.shown.filter(finite);
    const automatic = ["x", "y"].filter((axis) => spansMuch(rows.map((row) => cell(row, axis).value))).join("") || "none";
    const logs = state.log || automatic;
    const log = { x: logs.includes("x"), y: logs.includes("y") };
    const drawn = rows.filter((row) => ["x", "y"].every((axis) => !log[axis] || cell(row, axis).value > 0));
    const points = drawn.map((row) => {
      const line = view.lines[row];
      const [x, y] = [cell(row, "x"), cell(row, "y")];
      const low = (each) => (log.x && each === x && each.low <= 0 ? null : each.low);
      const high = (each) => (Number.isFinite(each.high) ? each.high : null);
      const at = log.x && heads.x.id === "fit-s" ? Math.max(x.value, view.least_s) : x.value;
      return {
        row: line.name, place: row, name: shortened(line.name), x: at, xlow: at === x.value ? low(x) : null, xhigh: high(x),
        y: y.value, ylow: low(y), yhigh: high(y), ...this.look(line),
      };
    });
    const front = frontOf(points, heads);
    const inside = this.inFrame(points, heads.y);
    const [x0, x1] = around(inside.flatMap((each) => [each.x, each.xlow, each.xhigh].filter((end) => end !== null)), log.x);
    const [y0, y1] = around(inside.flatMap((each) => [each.y, each.ylow, each.yhigh].filter((end) => end !== null)), log.y);
    const title = (axis) => `${axisTitle(heads[axis])}${log[axis] ? " (log scale)" : ""}`;
    const outside = points.filter((each) => !inside.includes(each));
    this.scatter.show({
      data: { points: inside, front: front.map(({ x, y }, order) => ({ x, y, order })) },
      signals: { x0, x1, y0, y1, x_title: title("x"), y_title: title("y") }, log, spots: inside,
      label: `${heads.y.text} against ${heads.x.text}, ${points.length} rows; the figures are in the table.`,
      note: this.scatterNote(front, outside, heads),
    });
    const choices = JSON.stringify([view.grid.heads.map((head) => head.id), columns, log]);
    if (choices !== this.scatterKey) this.chooseAxes(choices, columns, log, automatic);
  }

  /** Without what lies far above the rest, such as global_mean. */
  inFrame(points, head) {
    if (head.better !== "low" || points.length < 4) return points;
    const values = points.map((each) => each.y).sort((a, b) => a - b);
    const middle = values[Math.floor(values.length / 2)];
    const end = middle + 4 * (middle - values[0]);
    return end > middle ? points.filter((each) => each.y <= end) : points;
  }

  scatterNote(front, outside, heads) {
    const note = [];
    if (heads.x.better && heads.y.better && front.length) {
      note.push(element("span", {}, `On the Pareto front, where no row is better in both: ${front.map((each) => each.row).join(", ")}. `));
    }
    const usual = heads.x.id === "fit-s" && heads.y.id === "test-rmse" && this.shown.length === this.view.lines.length;
    const near = usual ? this.view.near.map((place) => this.view.lines[place].name) : [];
    if (near.length) note.push(element("span", {}, `Behind it, but no row is better in both beyond noise: ${near.join(", ")}. `));
    if (outside.length) note.push(element("span", {}, `Outside of the frame: ${outside.map((each) => `${each.row} (${significant(each.y)})`).join(", ")}.`));
    return note;
  }

  chooseAxes(key, columns, log, automatic) {
    this.scatterKey = key;
    const { heads } = this.view.grid;
    const numbers = heads.filter((head) => head.number).map((head) => [head.id, head.text]);
    const pick = (label, name, axis, fallback) => choice(label, numbers, heads[columns[axis]].id,
      (id) => this.go({ [name]: id === fallback ? "" : id, log: "" }), { name });
    const box = (axis) => switchOf(`log ${axis}`, log[axis], (on) => {
      const logs = ["x", "y"].filter((each) => (each === axis ? on : log[each])).join("") || "none";
      this.go({ log: logs === automatic ? "" : logs });
    });
    keepingFocus(this.scatterChoices, [pick("x", "across", "x", "fit-s"), box("x"), pick("y", "up", "y", "test-rmse"), box("y")]);
  }

  rowTip(spot) {
    const { line } = this.lines.get(spot.row);
    const row = this.view.grid.rows[spot.place];
    const figures = this.table.columns.filter((column) => this.view.grid.heads[column].number).map((column) => [this.view.grid.heads[column].text, row[column].text]);
    return [line.name, [...figures.slice(0, 8), ...runFacts(line, this.view, line.runs).filter(([name]) => !["Test RMSE", "Fit s"].includes(name))]];
  }

  showCurves() {
    const { state, view } = this;
    const log = state.time === "log";
    const rows = this.shown.map((row) => view.lines[row]).filter((line) => line.runs.some((run) => run.curve));
    this.curveSection.hidden = !view.lines.some((line) => line.runs.some((run) => run.curve));
    const least = state.x === "epochs" ? 0 : view.least_s;
    const xs = (run) => run.curve[state.x === "epochs" ? "epochs" : "seconds"].map((value) =>
      Math.max((state.x === "total" ? (run.start_s ?? 0) : 0) + value, log ? least : 0));
    const drawn = rows.map((line) => {
      const runs = line.runs.filter((run) => run.curve);
      const main = runs.find((run) => run.drawn === 0) ?? runs[0];
      return { line, main, others: runs.filter((run) => run !== main), best: Math.min(...main.curve[state.y]) };
    }).sort((a, b) => b.best - a.best);
    const levels = state.y !== "rmse" ? [] : [
      ...view.goals.map((goal) => ({ y: goal.rmse, label: `${goal.text}${goal.name ? ` ${goal.name}` : ""}` })),
      ...(view.floor === undefined ? [] : [{ y: view.floor, label: `floor ${view.floor.toFixed(4)}` }]),
    ];
    const [y0, y1] = errorFrame(drawn, levels, state.y);
    const spots = [];
    const points = [];
    for (const { line, main, others } of drawn) {
      const look = this.look(line);
      const put = (run, kind, series) => xs(run).forEach((x, place) => {
        const y = run.curve[state.y][place];
        points.push({ series, row: line.name, x, y, ...look, kind });
        if (kind !== "mark") spots.push({ row: line.name, x, y, run, place });
      });
      for (const run of others) {
        put(run, line.budgets ? "behind" : "faint", `${line.name}, others`);
        if (!line.budgets) points.push({ series: `${line.name}, others`, row: line.name, x: null, y: null, ...look, kind: "faint" });
      }
      put(main, line.budgets || main.curve.rmse.length === 1 ? "point" : "line", line.name);
      if (!line.budgets && main.curve.rmse.length > 1) {
        const every = Math.max(1, Math.round(main.curve.rmse.length / 8));
        xs(main).forEach((x, place) => {
          if (place % every === every - 1 || place === main.curve.rmse.length - 1) {
            points.push({ series: `${line.name}, marks`, row: line.name, x, y: main.curve[state.y][place], ...look, kind: "mark" });
          }
        });
      }
    }
    const visible = spots.filter((spot) => spot.y <= y1);
    let [x0, x1] = around(visible.map((spot) => spot.x), log);
    if (!log) x0 = 0;
    for (const { line, main } of drawn) { // a model without epochs reaches across
      if (line.budgets || main.curve.rmse.length > 1) continue;
      const look = this.look(line);
      for (const x of [xs(main)[0], x1]) points.push({ series: `${line.name}, level`, row: line.name, x, y: main.curve[state.y][0], ...look, kind: "faint" });
    }
    this.curves.show({
      data: { points, levels: levels.filter((level) => level.y >= y0 && level.y <= y1) },
      signals: { x0, x1, y0, y1, x_title: `${OVER[state.x]}${log ? " (log scale)" : ""}`, y_title: ERRORS[state.y] },
      log: { x: log }, spots: visible,
      label: `${ERRORS[state.y]} over ${OVER[state.x]}, ${drawn.length} rows; the times to each goal are in the table.`,
      note: [`Bold: the run with the median fit. Faint: other seeds, and the level of a model without epochs. Markers without a line: whole fits. Beside a name: the lowest value of its run with the median fit. What lies above ${y1.toFixed(3)} is out of the frame.`],
    });
    this.chooseCurves();
    this.legend.replaceChildren(...drawn.map(({ line, best }) => element("li", {
      "data-row": line.name, onpointerenter: () => this.light(line.name), onpointerleave: () => this.light(null),
    }, symbolOf(this.look(line)), button(line.name, () => this.open(line.name)), element("span", { class: "best" }, best.toFixed(4)))));
  }

  chooseCurves() {
    const { state, go } = this;
    const key = `${state.x} ${state.y} ${state.time}`;
    if (key === this.curveKey) return;
    this.curveKey = key;
    keepingFocus(this.curveChoices, [
      choice("x", Object.entries(OVER), state.x, (x) => go({ x }), { name: "x" }),
      switchOf("log x", state.time === "log", (on) => go({ time: on ? "log" : "linear" })),
      choice("y", Object.entries(ERRORS), state.y, (y) => go({ y }), { name: "y" }),
    ]);
  }

  runTip(spot) {
    const { line } = this.lines.get(spot.row);
    const { run, place } = spot;
    const at = `epoch ${run.curve.epochs[place]}, ${significant(run.curve.seconds[place])} s: RMSE ${run.curve.rmse[place].toFixed(4)}, MAE ${run.curve.mae[place].toFixed(4)}`;
    return [line.name, [["Validation", at], ...runFacts(line, this.view, [run])]];
  }
}

/** Whether each word of a text is in what is known of a line, or of a row that has several. */
function matches(line, text) {
  return hasWords(knownOf(line), text);
}

function knownOf(line) {
  return [line.name, line.label, line.model, line.origin, line.preset, line.device, hyperparameterText(line), ...line.skipped].join(" ");
}

function hasWords(known, text) {
  const lower = known.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

/** A disclosure whose panel closes with Escape or a click elsewhere. */
function folded(title, ...inside) {
  const made = element("details", {
    class: "folded",
    onkeydown: (event) => { if (event.key === "Escape") { made.open = false; made.firstChild.focus(); } },
    onfocusout: (event) => { if (event.relatedTarget && !made.contains(event.relatedTarget)) made.open = false; },
  }, element("summary", {}, title), element("div", { class: "panel" }, inside));
  document.addEventListener("pointerdown", (event) => { if (!made.contains(event.target)) made.open = false; });
  return made;
}

function switchOf(text, on, onchange) {
  const box = element("input", { type: "checkbox", name: text.replace(" ", "-"), checked: on, onchange: () => onchange(box.checked) });
  return element("label", { class: "switch" }, box, ` ${text}`);
}

/** Puts new controls in, and the focus on the one of the same name. */
function keepingFocus(place, controls) {
  const name = place.contains(document.activeElement) ? document.activeElement.name : null;
  place.replaceChildren(...controls);
  if (name) place.querySelector(`[name="${name}"]`)?.focus();
}

/** A name as a chart has room for it: its beginning and its end. */
function shortened(name) {
  return name.length > 30 ? `${name.slice(0, 15)}…${name.slice(-14)}` : name;
}

function spansMuch(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low > 0 && high > 20 * low;
}

function axisTitle(head) {
  return head.group === "goals" ? `seconds to validation RMSE ${head.text}` : head.text;
}

/** The points that no other is better than in both figures, in the order of the first. */
function frontOf(points, heads) {
  if (!heads.x.better || !heads.y.better) return [];
  const sign = (axis) => (heads[axis].better === "high" ? -1 : 1);
  const [sx, sy] = [sign("x"), sign("y")];
  const front = [];
  for (const point of [...points].sort((a, b) => sx * (a.x - b.x) || sy * (a.y - b.y))) {
    if (!front.length || sy * point.y < sy * front.at(-1).y) front.push(point);
  }
  return front;
}

/** The least and the greatest error in view: the levels, each row's best, and some air above. */
function errorFrame(drawn, levels, error) {
  if (!drawn.length) return [0, 1];
  const mean = Math.min(...drawn.filter(({ line }) => line.implementation === "global_mean").map(({ best }) => best), Infinity);
  const models = drawn.filter(({ best }) => best < mean);
  const inside = [...(models.length ? models : drawn).map(({ best }) => best), ...levels.map((level) => level.y)];
  const spread = Math.max(Math.max(...inside) - Math.min(...inside), 0.01);
  const lowest = Math.min(...drawn.flatMap(({ main, others }) => [main, ...others].flatMap((run) => run.curve[error])));
  return [Math.min(Math.min(...inside), lowest) - 0.08 * spread, Math.max(...inside) + 0.5 * spread];
}
