"use strict";
// The tables are all in the page already; this draws the plots, and turns language and theme.
(() => {
  const root = document.documentElement;
  const slots = [...document.querySelectorAll(".plot")];
  const touch = matchMedia("(pointer: coarse)").matches;
  const PRINT_PX = 680;
  let figures = null;
  let library = null;
  let printing = false;

  const kept = (key, value) => {
    try {
      if (value === undefined) return localStorage.getItem("rayeval-" + key);
      localStorage.setItem("rayeval-" + key, value);
    } catch { /* a browser that keeps nothing: the choice lasts as long as the page */ }
    return null;
  };

  async function unpacked(id) {
    const text = atob(document.getElementById(id).textContent.trim());
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  function loaded() {
    library ??= Promise.all([unpacked("figures"), unpacked("plotly")]).then(([data, code]) => {
      figures = JSON.parse(data);
      const script = document.createElement("script");
      script.nonce = document.currentScript?.nonce || document.querySelector("script[nonce]").nonce;
      script.textContent = code;
      document.head.append(script);
    });
    return library;
  }

  // {"en": …, "zh": …} anywhere inside becomes the reader's language.
  function said(value) {
    if (Array.isArray(value)) return value.map(said);
    if (value === null || typeof value !== "object") return value;
    if ("en" in value && "zh" in value) return value[root.lang.startsWith("zh") ? "zh" : "en"];
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, said(one)]));
  }

  function dressed(layout, place) {
    const style = getComputedStyle(document.body);
    const ink = printing ? "#1b2430" : style.color;
    const rule = printing ? "#d5dbe3" : getComputedStyle(place.closest(".card")).borderTopColor;
    const axis = { gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true };
    const made = { ...layout };
    for (const key of Object.keys(made)) {
      if (/^[xy]axis/.test(key)) made[key] = { ...axis, ...made[key] };
    }
    return {
      font: { color: ink, family: style.fontFamily, size: 12 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 56, r: 16, t: 24, b: 48 },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      hovermode: "closest",
      dragmode: touch ? false : "zoom",
      height: layout.height || (touch ? 340 : 380),
      ...(printing ? { width: PRINT_PX, autosize: false } : { autosize: true }),
      ...made,
    };
  }

  function key(place) {
    const chosen = place.closest(".card").querySelectorAll("select");
    return [...chosen].map((select) => select.value).join("|");
  }

  async function draw(place) {
    place.dataset.asked = "yes";
    try {
      await loaded();
    } catch (error) {
      place.textContent = "This browser can't draw the plots (" + error + "); the tables are complete.";
      return;
    }
    const found = figures[place.dataset.slot][key(place)];
    place.classList.toggle("waiting", !found);
    if (!found) {
      if (place.data) Plotly.purge(place);
      place.textContent = "–";
      return;
    }
    if (!place.data) place.textContent = "";
    const { data, layout } = said(found);
    const options = { responsive: true, displaylogo: false, displayModeBar: touch ? false : undefined };
    await Plotly.react(place, data, dressed(layout, place), options);
    place.style.minHeight = "0";
    place.dataset.drawn = "yes";
  }

  const redraw = () => Promise.all(slots.filter((slot) => slot.dataset.asked).map(draw));

  function speak(language) {
    root.lang = language;
    for (const one of document.querySelectorAll("[data-en]")) {
      one.textContent = language.startsWith("zh") ? one.dataset.zh : one.dataset.en;
    }
    document.getElementById("language").textContent = language.startsWith("zh") ? "English" : "中文";
  }

  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  speak(kept("lang") || (navigator.language.startsWith("zh") ? "zh" : "en"));
  if (kept("theme")) root.dataset.theme = kept("theme");

  document.getElementById("language").addEventListener("click", () => {
    const next = root.lang.startsWith("zh") ? "en" : "zh";
    kept("lang", next);
    speak(next);
    redraw();
  });
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    kept("theme", root.dataset.theme);
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  for (const select of document.querySelectorAll(".controls select")) {
    select.addEventListener("change", () => draw(select.closest(".card").querySelector(".plot")));
  }

  // A plot is drawn when it comes near the screen; the rest when the browser has nothing to do.
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !entry.target.dataset.asked) draw(entry.target);
    }
  }, { rootMargin: "400px" });
  slots.forEach((slot) => watcher.observe(slot));
  const idle = window.requestIdleCallback || ((job) => setTimeout(job, 50));
  const rest = async () => {
    const next = slots.find((slot) => !slot.dataset.asked);
    if (!next) {
      root.dataset.complete = "yes";
      return;
    }
    await draw(next);
    idle(rest);
  };
  addEventListener("load", () => idle(rest));

  addEventListener("beforeprint", () => { printing = true; slots.forEach(draw); });
  addEventListener("afterprint", () => { printing = false; redraw(); });
})();
