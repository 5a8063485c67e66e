/** The data as objects: the JSON leaves out what is at its default, and its tuples are arrays. */

const CELL = ["text", "value", "low", "high", "rank", "notes"];
const RUN = ["seed", "status", "started", "commit", "rmse", "mae", "val_rmse", "fit_s", "epoch_s", "start_s",
  "best_epoch", "epochs", "peak_mb", "again", "reasons", "drawn", "curve"];
const RUN_DEFAULTS = { status: "ok", started: "", commit: 0, again: 0, reasons: [], drawn: 2 };

const SITE = JSON.parse(document.getElementById("data").textContent);
for (const part of ["growths", "cuda", "published", "searches", "bad", "texts", "views"]) SITE[part] ??= [];

function named(names, values, defaults = {}) {
  const made = { ...defaults };
  names.forEach((name, place) => {
    if (values[place] !== undefined && values[place] !== null) made[name] = values[place];
  });
  return made;
}

function number(value) {
  return value === "Infinity" ? Infinity : value === "-Infinity" ? -Infinity : value;
}

/** A cell without an interval. */
function plainCell(text, value = text, notes = []) {
  return { text, value, low: null, high: null, rank: [], notes };
}

/** A grid with its cells as objects; made once. */
function readGrid(grid) {
  if (grid.read) return grid;
  grid.heads ??= [];
  grid.footnotes ??= [];
  grid.rows = (grid.rows ?? []).map((row) => row.map((cell) => {
    const made = named(CELL, cell, { value: null, low: null, high: null, rank: [], notes: [] });
    for (const end of ["value", "low", "high"]) made[end] = number(made[end]);
    return made;
  }));
  grid.read = true;
  return grid;
}

/** A view with its lines' defaults filled in; made when it is first shown. */
function readView(view) {
  if (view.read) return view;
  readGrid(view.grid);
  for (const name of ["goals", "notes", "front", "near", "limits"]) view[name] ??= [];
  view.least_s ??= 1e-3;
  view.lines = (view.lines ?? []).map((line) => ({
    origin: "built-in", preset: "default", hyperparameters: {}, skipped: [], pinned: false, budgets: false,
    ...line,
    runs: (line.runs ?? []).map((run) => readRun(run)),
  }));
  view.read = true;
  return view;
}

function readRun(values) {
  const run = named(RUN, values, RUN_DEFAULTS);
  if (run.curve) {
    const [epochs, seconds, rmse, mae] = run.curve;
    run.curve = {
      epochs: Array.isArray(epochs) ? epochs : seconds.map((_, place) => place + 1),
      seconds, rmse, mae,
    };
  }
  return run;
}
