/** What the reader chose, and the address that holds it: `#dataset=ml-1m&sort=-fit-s`, without defaults. */

const LISTS = ["hide", "add", "drop"];
const TEXTS = {
  page: "results", dataset: "", split: "", machine: "", device: "",
  sort: "", memory: "", trials: "", find: "", model: "", origin: "", preset: "", row: "",
  across: "", up: "", log: "", x: "seconds", y: "rmse", time: "log",
  place: "", figure: "seconds", over: "ratings", search: "",
};
const DEFAULTS = { ...TEXTS, ...Object.fromEntries(LISTS.map((name) => [name, []])) };

/** As in a query, but with what a reader can read left as it is. */
function escapedPart(text) {
  return encodeURIComponent(text).replace(/%20/g, "+").replace(/%(3A|2F|40)/g, decodeURIComponent);
}

function unescapedPart(text) {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch {
    return null; // half an escape, as of an address that was cut
  }
}

function addressOf(state) {
  const parts = [];
  for (const name of Object.keys(DEFAULTS)) {
    const value = state[name];
    if (LISTS.includes(name)) {
      if (value.length) parts.push(`${name}=${value.map(escapedPart).join(",")}`);
    } else if (value !== DEFAULTS[name]) parts.push(`${name}=${escapedPart(value)}`);
  }
  return parts.length ? `#${parts.join("&")}` : "";
}

/** The state of an address, and what in it is of no use. */
function readAddress(hash) {
  const state = { ...DEFAULTS };
  const wrong = [];
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const [name, ...rest] = part.split("=");
    const raw = rest.join("=");
    if (!Object.hasOwn(DEFAULTS, name)) wrong.push(`“${name}”`);
    else if (LISTS.includes(name)) {
      const values = raw.split(",").filter(Boolean).map(unescapedPart);
      state[name] = [...new Set(values.filter((each) => each !== null))];
      if (values.includes(null)) wrong.push(`“${name}”`);
    } else {
      const value = unescapedPart(raw);
      if (value === null) wrong.push(`“${name}”`);
      else state[name] = value;
    }
  }
  return { state, wrong };
}

/** Puts a value back to its default unless it is one of `allowed`, and says so in `wrong`; `usual` is
 *  what stands where the address has none, so it goes, too. */
function repair(state, name, allowed, wrong, usual) {
  if (LISTS.includes(name)) {
    const unknown = state[name].filter((each) => !allowed.includes(each));
    if (!unknown.length) return;
    wrong.push(...unknown.map((each) => `${name} “${each}”`));
    state[name] = state[name].filter((each) => allowed.includes(each));
  } else if (state[name] === usual) {
    state[name] = DEFAULTS[name];
  } else if (state[name] !== DEFAULTS[name] && !allowed.includes(state[name])) {
    wrong.push(`${name} “${state[name]}”`);
    state[name] = DEFAULTS[name];
  }
}
