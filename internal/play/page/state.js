// What the page is about: the settings that are given, and how they came about.

export const start = await (await fetch("start.json")).json();
export const knobs = new Map(start.groups.flatMap(g => g.knobs.map(k => [k.name, k])));
export const lessons = new Map(start.lessons.map(l => [l.name, l]));

// The state is all that a link holds. It is replaced, never changed, so that it can be undone.
export let state = fromLink() || { settings: start.settings, pinned: null, lesson: start.lesson };
export const past = [], future = [];
let gesture = "", gestureAt = 0;

// change makes a new state. Changes of one gesture, such as a slider that is dragged, are undone together.
export function change(next, by) {
  const now = performance.now();
  if (!by || by !== gesture || now - gestureAt > 1000) {
    past.push(state);
    if (past.length > 500) past.shift();
  }
  gesture = by || "";
  gestureAt = now;
  future.length = 0;
  go({ ...state, ...next });
}
function go(next) {
  state = next;
  changed();
  link();
}

// whenChanged has a function called after each change.
let changed = () => {};
export function whenChanged(call) { changed = call; }

export const undo = () => back(past, future);
export const redo = () => back(future, past);
function back(from, to) {
  if (!from.length) return;
  to.push(state);
  gesture = "";
  go(from.pop());
}

export const given = name => state.settings.filter(s => s.name === name).map(s => s.text);
function byDefault(name) {
  const k = knobs.get(name), all = k && k.forAll ? given(k.forAll) : [];
  return all.length ? all[all.length - 1] : k ? k.default : "";
}
export function textOf(name) {
  const own = given(name);
  return own.length ? own[own.length - 1] : byDefault(name);
}
// set gives a setting these texts, where it stood before; none reset it.
export function set(name, texts, by) {
  const k = knobs.get(name);
  if (k && !k.rows && texts.length === 1 && texts[0] === byDefault(name)) texts = [];
  const at = state.settings.findIndex(s => s.name === name);
  const settings = state.settings.filter(s => s.name !== name);
  settings.splice(at < 0 ? settings.length : at, 0, ...texts.map(text => ({ name, text })));
  change({ settings }, by);
}

// A link has the settings as they are given, and what else the state holds under names that no setting has.
export function asLink() {
  const q = settings => settings.map(s => [s.name, s.text]);
  const all = q(state.settings);
  if (state.lesson) all.push(["_lesson", state.lesson]);
  if (state.pinned) all.push(["_pinned", new URLSearchParams(q(state.pinned)).toString()]);
  return "#" + new URLSearchParams(all);
}
function fromLink() {
  if (location.hash.length < 2) return null;
  const list = text => [...new URLSearchParams(text)].map(([name, text]) => ({ name, text }));
  const all = list(location.hash.slice(1)), other = name => (all.find(s => s.name === name) || {}).text;
  const settings = all.filter(s => !s.name.startsWith("_"));
  if (!settings.some(s => s.name === "seed")) settings.unshift({ name: "seed", text: "1" });
  return {
    settings, lesson: lessons.has(other("_lesson")) ? other("_lesson") : "",
    pinned: other("_pinned") ? list(other("_pinned")) : null,
  };
}
let linking = 0;
function link() { // browsers allow a page but so many changes of its address
  clearTimeout(linking);
  linking = setTimeout(() => history.replaceState(null, "", asLink()), 300);
}
addEventListener("hashchange", () => { if (location.hash !== asLink()) change(fromLink() || {}); });
