/** Charts: Vega, evaluated after the first paint, drawn when they come into view. */

const CHARTS = JSON.parse(document.getElementById("charts").textContent);
const PICKED_WITHIN = 24; // pixels
const COLOURS = 7;
const DRAWN_FOR = 15; // pixels of the page's text that charts.py has its sizes for
const DASHES = [[], [6, 2], [2, 2], [8, 2, 2, 2]];

/* In a box from −1 to 1, for Vega and for the symbols of the table alike. */
const SHAPES = [
  "M-1,0A1,1,0,1,0,1,0A1,1,0,1,0,-1,0Z", // circle
  "M-.85,-.85H.85V.85H-.85Z", // square
  "M-1,.8L0,-.95L1,.8Z", // triangle up
  "M0,-1.1L1.1,0L0,1.1L-1.1,0Z", // diamond
  "M-1,-.8L0,.95L1,-.8Z", // triangle down
  "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z", // plus
  "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z", // cross
  "M0,-1.1L.3,-.4L1.05,-.34L.48,.15L.65,.9L0,.5L-.65,.9L-.48,.15L-1.05,-.34L-.3,-.4Z", // star
  "M-.95,0L.8,-1V1Z", // triangle left
  "M-1,0L-.5,-.87H.5L1,0L.5,.87H-.5Z", // hexagon
  "M.95,0L-.8,-1V1Z", // triangle right
];

/** The colour, shape and dashes of the row at a place; hollow where it is not on the CPU. */
function lookOf(place, hollow) {
  const colour = `var(--series-${place % COLOURS})`;
  return {
    colour, fill: hollow ? "var(--page)" : colour,
    shape: SHAPES[place % SHAPES.length], dash: DASHES[place % DASHES.length],
  };
}

function symbolOf(look) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [name, value] of [["class", "symbol"], ["viewBox", "-1.4 -1.4 2.8 2.8"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  path.setAttribute("d", look.shape);
  path.style.stroke = look.colour;
  path.style.fill = look.fill;
  svg.append(path);
  return svg;
}

function vegaLoaded() {
  vegaLoaded.once ??= new Promise((resolve) => {
    const load = () => setTimeout(async () => {
      const script = document.createElement("script");
      script.textContent = await unpacked(document.getElementById("runtime").textContent);
      document.head.append(script);
      resolve(window.vega);
    });
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", load);
    else load();
  });
  return vegaLoaded.once;
}

/** The text that was gzipped and written in base64. */
function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

class Plot {
  /** template: of charts.py; tip(spot): [title, facts] of what the pointer is on; lit(row, spot), click(spot): of it. */
  constructor(template, { tip, lit, click } = {}) {
    Object.assign(this, { template, tip, lit, click });
    this.drawing = element("div", { "aria-hidden": "true" }); // Vega gives it a role and a label of its own
    this.host = element("div", { class: `plot ${template}`, role: "img" }, this.drawing);
    this.note = element("figcaption");
    this.figure = element("figure", {}, this.host, this.note);
    this.inView = false;
    new IntersectionObserver((entries) => {
      this.inView = entries.at(-1).isIntersecting;
      if (this.inView) this.draw();
    }, { rootMargin: "200px" }).observe(this.host);
    addEventListener("beforeprint", () => { if (this.stale && window.vega && this.host.isConnected) this.drawNow(); });
    new ResizeObserver(() => afterPaint(() => this.fit())).observe(this.host);
    if (tip) {
      this.host.addEventListener("pointermove", (event) => this.point(event));
      this.host.addEventListener("pointerleave", () => this.leave());
    }
    if (click) this.host.addEventListener("click", () => { if (this.spot) click(this.spot); });
  }

  /**
   * data     name -> rows
   * signals  the ends of the axes and their titles
   * log      axis -> whether it is logarithmic
   * spots    what a pointer may be near: {x, y, row, …}
   * label    what the chart shows, for a screen reader
   * note     nodes below it
   */
  show({ data, signals, log = {}, spots = [], label, note = [], height }) {
    this.wanted = { data, signals, log, spots };
    this.stale = data.points.length > 0;
    this.host.hidden = !this.stale;
    this.host.setAttribute("aria-label", label);
    this.note.replaceChildren(...(this.stale ? note : ["No row that is shown has these figures."]));
    if (!this.stale) return;
    if (height) this.host.style.height = `${height}px`;
    if (this.inView) this.draw();
    else requestIdleCallback(() => this.draw(), { timeout: 2000 });
  }

  draw() {
    if (this.waiting || !this.stale) return;
    this.waiting = true;
    afterPaint(async () => {
      await vegaLoaded();
      this.waiting = false;
      if (this.stale && this.host.isConnected) this.drawNow();
    });
  }

  drawNow() {
    this.stale = false;
    const { data, signals, log } = this.wanted;
    const axes = JSON.stringify(log);
    if (axes !== this.axes) this.begin(axes);
    else {
      for (const [name, value] of Object.entries(signals)) this.view.signal(name, value);
      for (const [name, rows] of Object.entries(data)) this.view.data(name, rows);
    }
    this.view.run();
    this.host.dataset.drawn = "true";
    this.place();
  }

  /** A new Vega view, as a scale's type is no signal. */
  begin(axes) {
    const { data, signals, log } = this.wanted;
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const spec = structuredClone(CHARTS[this.template]);
    for (const scale of spec.scales) if (log[scale.name]) scale.type = "log";
    for (const axis of spec.axes) {
      if (!log[axis.scale] || !axis.labelOverlap) continue;
      axis.labelOverlap = "greedy";
      axis.encode = { labels: { update: { text: { signal: roundLabels(axis.scale) } } } };
    }
    for (const signal of spec.signals) if (signal.name in signals) signal.value = signals[signal.name];
    for (const source of spec.data) if (source.name in data) source.values = data[source.name];
    scaleMarks(spec.marks, size / DRAWN_FOR);
    const config = { axis: { ...spec.config.axis, labelFontSize: 0.75 * size, titleFontSize: 0.8 * size } };
    this.view?.finalize();
    this.axes = axes;
    this.view = new window.vega.View(window.vega.parse(spec, config), { renderer: "svg", container: this.drawing });
    this.view.width(this.host.clientWidth).height(this.host.clientHeight);
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!this.view || !width || (this.view.width() === width && this.view.height() === height)) return;
    this.view.width(width).height(height).runAsync().then(() => this.place());
  }

  /** Where each spot is, in pixels of the host. */
  place() {
    const [left, top] = this.view.origin();
    const [x, y] = [this.view.scale("x"), this.view.scale("y")];
    this.placed = this.wanted.spots.map((spot) => ({ spot, x: left + x(spot.x), y: top + y(spot.y) + (y.bandwidth?.() ?? 0) / 2 }));
  }

  point(event) {
    const box = this.host.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let nearest = null;
    let least = PICKED_WITHIN ** 2;
    for (const each of this.placed ?? []) {
      const squared = (each.x - x) ** 2 + (each.y - y) ** 2;
      if (squared < least) [nearest, least] = [each.spot, squared];
    }
    this.spot = nearest;
    this.host.classList.toggle("picked", nearest !== null);
    this.lit?.(nearest?.row ?? null, nearest);
    if (nearest) showTip(...this.tip(nearest), event.clientX, event.clientY);
    else hideTip();
  }

  leave() {
    this.spot = null;
    this.lit?.(null);
    hideTip();
  }

  /** A moment later: a pointer on its way to a click lights nothing. */
  light(row) {
    clearTimeout(this.lighting);
    this.lighting = setTimeout(() => {
      const lit = row ?? "";
      if (this.view && this.inView && this.view.signal("lit") !== lit) this.view.signal("lit", lit).runAsync();
    }, 80);
  }
}

/** Of an axis over a decade or more the labels of 1, 2 and 5: with all, those of the decades lack room. */
function roundLabels(axis) {
  const leading = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))";
  return `${axis}1 < 10 * ${axis}0 || indexof([1, 2, 5], ${leading}) >= 0 ? datum.label : ''`;
}

/** Texts and symbols of a drawing as large beside the page's text as on a small screen. */
function scaleMarks(marks, by) {
  for (const mark of marks) {
    for (const { fontSize, size } of Object.values(mark.encode ?? {})) {
      if (fontSize) fontSize.value *= by;
      if (size) size.value *= by ** 2; // an area
    }
    scaleMarks(mark.marks ?? [], by);
  }
}

/** The ends of an axis around values, with some air. */
function around(values, log) {
  const finite = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (!finite.length) return log ? [0.1, 10] : [0, 1];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  if (log) {
    const air = Math.max(1.15, (high / low) ** 0.06);
    return [low / air, high * air];
  }
  const air = 0.06 * (high - low || Math.abs(high) || 1);
  return [low - air, high + air];
}
