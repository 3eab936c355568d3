(() => {
	const name = e => {
		const ids = e.getAttribute("aria-labelledby");
		const text = ids ? ids.split(" ").map(id => document.getElementById(id).textContent).join(" ") : e.getAttribute("aria-label");
		return (text || "").trim().toLowerCase();
	};
	const within = e => e.parentElement.closest("article, aside, main, nav, section");
	const role = e => e.getAttribute("role") || {
		HEADER: within(e) ? "" : "banner", FOOTER: within(e) ? "" : "contentinfo", MAIN: "main", NAV: "navigation",
		ASIDE: "complementary", SECTION: name(e) ? "region" : "", FORM: name(e) ? "form" : "",
	}[e.tagName] || "";
	const landmark = ["banner", "complementary", "contentinfo", "form", "main", "navigation", "region", "search"];
	const all = [...document.querySelectorAll("header, footer, main, nav, aside, section, form, [role]")]
		.filter(e => landmark.includes(role(e))).map(e => role(e) + ": " + name(e));
	return all.filter((l, i) => all.indexOf(l) !== i);
})()
