// Paper is narrower than most screens, and Plotly measures only screens.
const plots = () => [...document.querySelectorAll(".js-plotly-plot")];
addEventListener("beforeprint", () => plots().forEach(p => Plotly.relayout(p, {width: p.closest(".pair") ? 320 : p.closest(".trio") ? 300 : 660})));
addEventListener("afterprint", () => plots().forEach(p => Plotly.relayout(p, {width: null, autosize: true})));

// Plotly's own legend takes room from narrow plots. A click on an entry hides and shows it.
const colour = trace => trace.marker?.color ?? trace.line?.color;
const legend = plot => {
  const entries = plot.data.length < 2 ? [] : plot.data.map((trace, i) => {
    const entry = document.createElement("button");
    entry.type = "button";
    entry.textContent = trace.name;
    entry.style.setProperty("--colour", colour(trace));
    entry.setAttribute("aria-pressed", trace.visible !== false);
    entry.addEventListener("click", () => {
      const visible = entry.getAttribute("aria-pressed") !== "true";
      entry.setAttribute("aria-pressed", visible);
      Plotly.restyle(plot, {visible}, [i]);
    });
    return entry;
  });
  plot.closest("figure").querySelector(".legend").replaceChildren(...entries);
};
plots().forEach(legend);

// A category that is chosen at one plot is shown by all that can be limited to it.
const variants = new Map([...document.querySelectorAll("select.category")].map(select => {
  const figure = select.closest("figure");
  return [select, {
    plot: figure.querySelector(".js-plotly-plot"),
    data: JSON.parse(figure.querySelector("script[type='application/json']").textContent),
  }];
}));
const show = category => variants.forEach(({plot, data}, select) => {
  if (!(category in data)) return;
  select.value = category;
  Plotly.react(plot, data[category], plot.layout, {displayModeBar: false, responsive: true, showTips: false});
  legend(plot);
});
variants.forEach((_, select) => select.addEventListener("change", () => show(select.value)));

// Inside another page, as Snakemake's own report is one, its companion is no neighbour.
if (top !== self || location.protocol === "data:" || location.protocol === "blob:")
  document.querySelectorAll("a[href$='.html']").forEach(a => a.replaceWith(a.textContent));
