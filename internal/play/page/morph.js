// morph makes an element like a fresh one, and leaves what is the same where it is.
const kept = ["style", "open", "tabindex"]; // what belongs to the reader
export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
  for (const { name, value } of fresh.attributes) {
    const keep = kept.includes(name) && old.hasAttribute(name);
    if (!keep && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
  }
  const ours = n => n.nodeType === Node.ELEMENT_NODE && n.hasAttribute("data-ours");
  const was = [...old.childNodes].filter(n => !ours(n)), next = [...fresh.childNodes];
  next.forEach((child, i) => was[i] ? morph(was[i], child) : old.append(child));
  was.slice(next.length).forEach(n => n.remove());
}
