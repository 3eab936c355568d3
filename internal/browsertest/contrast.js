(() => {
	const rgb = s => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
	const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4) }); return .2126 * r + .7152 * g + .0722 * b };
	const behind = e => { for (; e; e = e.parentElement) { if (e.namespaceURI.endsWith("svg")) continue; const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c } return [255, 255, 255, 1] };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let texts = 0; const weak = [];
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement, style = getComputedStyle(e);
		if (!n.textContent.trim() || ["SCRIPT", "STYLE", "title", "desc"].includes(e.tagName) || !e.checkVisibility()) continue;
		const svg = e.namespaceURI.endsWith("svg");
		const front = light(rgb(svg ? style.fill : style.color)), back = light(behind(e));
		const ratio = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
		texts++;
		if (ratio < 4.5) weak.push(ratio.toFixed(2) + " " + e.tagName + "." + e.getAttribute("class") + ": " + n.textContent.trim().slice(0, 40));
	}
	return {texts, weak, ground: getComputedStyle(document.body).backgroundColor};
})()
