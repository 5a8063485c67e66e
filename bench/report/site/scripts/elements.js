"use strict";

/** An element. Strings become text nodes, so that no name is ever markup. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name === "style") for (const [key, each] of Object.entries(value)) made.style.setProperty(key, each);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

function button(content, onclick, properties = {}) {
  return element("button", { type: "button", onclick, ...properties }, content);
}

/** A labelled select. `options`: [value, text] each. */
function choice(label, options, value, onchange, properties = {}) {
  const select = element("select", {
    ...properties,
    onchange: () => onchange(select.value),
  }, options.map(([each, text]) => element("option", { value: each, selected: each === value }, text)));
  return element("label", { class: "choice" }, element("span", {}, label), select);
}

/** The paragraphs of a Prose; its entries of a list become one. */
function prose(paragraphs) {
  const made = [];
  for (const paragraph of paragraphs ?? []) {
    const inside = paragraph.spans.map(([text, style]) =>
      style === "b" ? element("strong", {}, text) : style === "code" ? element("code", {}, text) : text);
    if (!paragraph.item) made.push(element("p", {}, inside));
    else {
      if (made.at(-1)?.tagName !== "UL") made.push(element("ul"));
      made.at(-1).append(element("li", {}, inside));
    }
  }
  return made;
}

/** What a screen reader reads, and a sighted reader sees for a while. */
function announce(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => { status.textContent = ""; }, 6000);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  announce(`${what} copied.`);
}

function download(name, type, text) {
  const link = element("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  announce(`${name} downloaded.`);
}

/** As the tables show a figure: three significant digits, whole digits all. */
function significant(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "—";
  if (value < 0) return `−${significant(-value)}`;
  const rounded = Number(value.toPrecision(3));
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(rounded)));
  return rounded.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Work that may wait until the page has answered. */
function afterPaint(work) {
  requestAnimationFrame(() => setTimeout(work));
}
