/** What is known of a row and of each of its runs. */

const SHOWN_RUNS = 12;

function hyperparameterText(line) {
  return Object.entries(line.hyperparameters)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("  ");
}

/** The row of a table that holds, of each {line, view, runs}, the settings, the command and the runs. */
function detailsOf(behind, columns) {
  return element("tr", { class: "details" }, element("td", { colspan: columns },
    behind.map(({ line, view, runs }) => insideOf(line, view, runs, behind.length > 1 ? `${line.name}, ${view.dataset}` : line.name))));
}

function insideOf(line, view, runs, name) {
  const facts = [
    ["Model", line.model || "—"],
    ["Settings", hyperparameterText(line) || "none"],
    ["Threads", `${line.threads}${line.pinned ? ", pinned to one core" : ""}`],
    ["Machine", `${view.machine}: ${SITE.machines[view.machine] ?? ""}`],
    ["Commit", unique(runs.map((run) => commitOf(run))).join(", ")],
    ...line.skipped.map((reason) => ["No figures", reason]),
  ];
  return element("div", { class: "inside" },
    element("p", { class: "command" },
      element("span", {}, "Repeat it: "), element("code", {}, line.command),
      button("Copy", () => copy(line.command, "Command"), { "aria-label": `Copy the command that repeats ${name}` })),
    element("dl", {}, facts.flatMap(([fact, text]) => [element("dt", {}, fact), element("dd", {}, text)])),
    runTable(runs, name));
}

/** The runs behind a figure, of the places that the data have. */
function behindOf(places) {
  return (places ?? []).map(([at, place, some]) => {
    const view = readView(SITE.views[at]);
    const line = view.lines[place];
    return { line, view, runs: some ? some.map((run) => line.runs[run]) : line.runs };
  });
}

/** What a chart tells of them; what they share once. */
function behindFacts(behind) {
  const seen = new Set();
  return behind.flatMap(({ line, view, runs }) => [
    ["On", behind.length > 1 ? line.device : ""], ...runFacts(line, view, runs)]).filter((fact) => {
    const text = fact.join("\n");
    return !seen.has(text) && seen.add(text);
  });
}

function commitOf(run) {
  const commit = SITE.texts[run.commit] ?? "";
  return commit.endsWith("+") ? `${commit.slice(0, 10)} with changes` : commit.slice(0, 10);
}

function runTable(runs, name) {
  const figure = (value, digits) => (value === undefined ? "—" : digits ? value.toFixed(digits) : significant(value));
  const heads = ["seed", "test RMSE", "test MAE", "fit s", "epochs", "status", "day"];
  const rows = runs.map((run) => element("tr", {},
    element("th", { scope: "row" }, run.again ? `${run.seed} (again ${run.again})` : `${run.seed}`),
    [figure(run.rmse, 4), figure(run.mae, 4), figure(run.fit_s),
      run.epochs ? [run.best_epoch, run.epochs].filter((each) => each !== undefined).join("/") : "—",
      [run.status, ...run.reasons.map((reason) => SITE.texts[reason])].join("; "), run.started,
    ].map((text) => element("td", {}, text))));
  const body = element("tbody", {}, rows.slice(0, SHOWN_RUNS));
  const rest = rows.slice(SHOWN_RUNS);
  const caption = element("caption", {}, rest.length ? `${SHOWN_RUNS} of ${rows.length} runs of ${name}` : `Runs of ${name}`);
  const more = rest.length
    ? button(`Show ${rest.length} more runs`, (event) => {
      body.append(...rest);
      caption.textContent = `Runs of ${name}`;
      event.currentTarget.remove();
    })
    : null;
  return element("div", { class: "runs", role: "region", "aria-label": `Runs of ${name}`, tabindex: "0" }, element("table", {}, caption,
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))), body), more);
}

/** What a chart shows beside the pointer: [name, text] each. */
function showTip(title, facts, x, y) {
  const tip = document.getElementById("tip");
  tip.replaceChildren(element("strong", {}, title),
    element("dl", {}, facts.filter(([, text]) => text).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])));
  tip.hidden = false;
  const right = x + 14 + tip.offsetWidth < innerWidth;
  placeBeside(tip, { left: right ? x + 14 : x - 14 - tip.offsetWidth, bottom: y + 8, top: y - 8 });
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}

/** The facts of one run, or of all runs of a line. */
function runFacts(line, view, runs) {
  const [run] = runs;
  const one = runs.length === 1;
  const seeds = runs.map((each) => each.seed);
  return [
    [one ? "Seed" : "Seeds", one ? `${run.seed}` : `${seeds.length} runs, ${Math.min(...seeds)} to ${Math.max(...seeds)}`],
    ["Test RMSE", one && run.rmse !== undefined ? run.rmse.toFixed(4) : ""],
    ["Fit s", one && run.fit_s !== undefined ? significant(run.fit_s) : ""],
    ["Settings", hyperparameterText(line)],
    ["Commit", run ? commitOf(run) : ""],
    ["Machine", view.machine],
    ["Repeat it", line.command],
  ];
}
