/** The pages, and the way from an address to one of them. */

const PAGES = {
  results: ["Results", Results, SITE.views],
  growth: ["Growth", GrowthPage, SITE.growths],
  cuda: ["CUDA", CudaPage, SITE.cuda],
  published: ["Published", PublishedPage, SITE.published],
  searches: ["Searches", SearchesPage, SITE.searches],
};
const FILLED = Object.keys(PAGES).filter((name) => PAGES[name][2].length);
DEFAULTS.page = FILLED[0] ?? DEFAULTS.page; // a folder may hold nothing but searches
const REPORTED = 5; // of what is wrong in an address
const made = {};
let state = { ...DEFAULTS };
let shownAddress = null;

/** Shows the state; `wrong` of its address is announced and taken out of it. */
function show(wrong = []) {
  repair(state, "page", FILLED, wrong);
  const page = made[state.page] ??= new PAGES[state.page][1](go);
  if (!page.element.isConnected) document.getElementById("main").replaceChildren(page.element);
  page.update(state, wrong);
  for (const link of document.querySelectorAll("#pages a")) {
    if (link.dataset.page === state.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  hideTip();
  return wrong;
}

/** Changes the state and the address. `typed`: all that is typed in a row is one step of the history. */
function go(change, { typed = false } = {}) {
  state = { ...state, ...change };
  show();
  const address = addressOf(state);
  if (address === shownAddress) return;
  shownAddress = address;
  const step = typed ? "typed" : null;
  history[step && history.state === step ? "replaceState" : "pushState"](step, "", address || location.pathname + location.search);
}

/** The page of the address, as after a link, back or forward. */
function follow() {
  if (location.hash === shownAddress) return;
  const read = readAddress(location.hash);
  state = read.state;
  const wrong = show(read.wrong);
  shownAddress = addressOf(state);
  if (shownAddress !== location.hash) history.replaceState(null, "", shownAddress || location.pathname + location.search);
  if (wrong.length) announce(`Not on this page, and left out of the address: ${some(unique(wrong))}.`);
}

/** The first few, each as a line has room for it: an address may be of any length. */
function some(texts) {
  const shown = texts.slice(0, REPORTED).map((text) => (text.length > 60 ? `${text.slice(0, 60)}…` : text));
  const more = texts.length - shown.length;
  return shown.join(", ") + (more ? `, and ${more.toLocaleString("en")} more` : "");
}

function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
  document.getElementById("theme").setAttribute("aria-label", theme === "dark" ? "Light colours" : "Dark colours");
}

function start() {
  document.getElementById("pages").append(...FILLED.map((name) =>
    element("li", {}, element("a", { href: name === DEFAULTS.page ? "#" : `#page=${name}`, "data-page": name }, PAGES[name][0]))));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  chooseTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => chooseTheme(dark.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () =>
    chooseTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  document.getElementById("skip").addEventListener("click", () => document.getElementById("main").focus());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  addEventListener("popstate", follow);
  if (FILLED.length) follow();
  else document.getElementById("main").append(element("p", {}, "There are no records yet: `bench run` makes some."));
  for (const line of SITE.bad) console.info(line);
  afterPaint(vegaLoaded);
}

start();
