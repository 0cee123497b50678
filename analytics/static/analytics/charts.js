// Draws tables as charts: one source for the eye and for the screen reader. A bar opens what its cell's link opens.
"use strict";
{
  // Colours stand in the style sheet, for light and dark; a probe asks what they are now.
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const PALETTE = ["--fp-go", "--fp-chart-exploring", "--fp-chart-discovery", "--fp-chart-guided"];

  const readTable = (table) => {
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const rows = [...table.tBodies[0].rows];
    const series = heads.map((head, index) => ({
      name: head.textContent,
      colour: head.dataset.colour || PALETTE[index % PALETTE.length],
      isNumber: head.classList.contains("fp-number"),
      cells: rows.map((row) => row.cells[index + 1]),
    }));
    return { labels: rows.map((row) => row.cells[0].textContent.trim()), series: series.filter((one) => one.isNumber) };
  };

  const valueOf = (cell) => (cell.dataset.value === "" ? null : Number(cell.dataset.value));

  const LETTER = 7; // px, about

  // Few labels are all told: in lines where there is room for a word, else aslant. Of many some are left out.
  const labelPlace = (labels, room) => {
    if (labels.length > 7) return {};
    const fits = Math.max(...labels.map((label) => label.length)) * LETTER <= room;
    if (fits) return { interval: 0 };
    return room > 64 ? { interval: 0, overflow: "break", width: room - 4, lineHeight: 14 } : { interval: 0, rotate: 40 };
  };

  const options = (host, kind, { labels, series }) => {
    const line = colour("--fp-line");
    const text = { color: colour("--fp-quiet"), fontFamily: getComputedStyle(host).fontFamily, fontSize: 12 };
    // On a phone the legend takes several lines.
    const legend = series.reduce((width, one) => width + one.name.length * LETTER + 30, 0);
    const top = series.length > 1 ? 20 + 20 * Math.ceil(legend / host.clientWidth) : 12;
    const place = { ...text, ...labelPlace(labels, (host.clientWidth - 60) / labels.length) };
    return {
      animation: false,
      textStyle: text,
      grid: { left: 4, right: 12, top, bottom: 4, containLabel: true },
      legend: { show: series.length > 1, top: 0, left: 0, icon: "rect", itemWidth: 12, itemHeight: 12, textStyle: text },
      tooltip: {
        trigger: "axis", axisPointer: { type: kind === "lines" ? "line" : "shadow" }, renderMode: "richText", confine: true,
        backgroundColor: colour("--fp-card"), borderColor: line, textStyle: { ...text, color: colour("--fp-fg") },
      },
      xAxis: { type: "category", data: labels, axisLabel: place, axisLine: { lineStyle: { color: line } }, axisTick: { show: false } },
      yAxis: { type: "value", minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: line } } },
      series: series.map((one) => ({
        type: kind === "lines" ? "line" : "bar",
        name: one.name,
        data: one.cells.map(valueOf),
        stack: kind === "stacked" ? "all" : undefined,
        barMaxWidth: 64,
        symbolSize: 7,
        itemStyle: { color: colour(one.colour), borderColor: colour("--fp-card"), borderWidth: kind === "lines" ? 0 : 1 },
        lineStyle: { color: colour(one.colour) },
      })),
    };
  };

  const drawn = new Map();

  const draw = (host) => {
    const table = document.getElementById(host.dataset.of);
    const chart = drawn.get(host) || echarts.init(host);
    const read = readTable(table);
    chart.setOption(options(host, host.dataset.chart, read), true);
    chart.off("click");
    chart.on("click", ({ seriesIndex, dataIndex }) => {
      read.series[seriesIndex].cells[dataIndex].querySelector("a")?.click();
    });
    if (!drawn.has(host)) new ResizeObserver(() => chart.resize()).observe(host);
    drawn.set(host, chart);
  };

  const drawAll = () => {
    for (const [host, chart] of drawn) {
      if (host.isConnected) continue;
      chart.dispose();
      drawn.delete(host);
    }
    for (const host of document.querySelectorAll("[data-chart]")) draw(host);
  };

  drawAll();
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("htmx:historyRestore", drawAll);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.matchMedia("print").addEventListener("change", drawAll); // paper is light
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  document.addEventListener("click", async ({ target }) => {
    if (target.closest("[data-print]")) window.print();
    const share = target.closest("[data-share]");
    if (!share) return;
    // Over plain HTTP from another machine a page may not write there.
    const copied = await navigator.clipboard?.writeText(window.location.href).then(() => true, () => false);
    share.textContent = copied ? "Link copied" : "Copy it from the address bar";
  });

  // Without htmx the button sends the form; with it every change does.
  const form = document.getElementById("scope");
  if (form && window.htmx) {
    form.querySelector("button").hidden = true;
    form.addEventListener("change", () => {
      const { days, first, last } = form.elements;
      form.querySelector(".fp-scope-dates").hidden = Boolean(days.value);
      if (days.value) first.value = last.value = "";
      else if (!first.value && !last.value) {
        // Dates of one's own begin with a month, to be moved from there.
        last.valueAsDate = new Date();
        first.valueAsDate = new Date(Date.now() - 29 * 86400000);
      }
    }, true);
  }
}
