// Draws the table of tiers as stacked bars: one source for the eye and for the screen reader.
"use strict";
{
  const host = document.getElementById("tiers-chart");
  const table = document.getElementById("tiers-table");

  // Colours stand in the style sheet, for light and dark; a probe asks what they are now.
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const readTable = () => {
    const tiers = [...table.tHead.querySelectorAll("[data-tier]")];
    const rows = [...table.tBodies[0].rows];
    return {
      weeks: rows.map((row) => row.cells[0].textContent.replace(/ \d{4}$/, "")),
      series: tiers.map((head, index) => ({
        tier: head.dataset.tier,
        name: head.textContent,
        values: rows.map((row) => Number(row.cells[index + 1].textContent)),
      })),
    };
  };

  const options = ({ weeks, series }) => {
    const quiet = colour("--fp-quiet");
    const line = colour("--fp-line");
    const text = { color: quiet, fontFamily: getComputedStyle(host).fontFamily, fontSize: 12 };
    return {
      animation: false,
      textStyle: text,
      grid: { left: 4, right: 8, top: 40, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, icon: "rect", itemWidth: 12, itemHeight: 12, textStyle: text },
      tooltip: {
        trigger: "axis", axisPointer: { type: "shadow" }, renderMode: "richText", confine: true,
        backgroundColor: colour("--fp-card"), borderColor: line, textStyle: { ...text, color: colour("--fp-fg") },
      },
      xAxis: { type: "category", data: weeks, axisLabel: text, axisLine: { lineStyle: { color: line } }, axisTick: { show: false } },
      yAxis: { type: "value", minInterval: 1, axisLabel: text, splitLine: { lineStyle: { color: line } } },
      series: series.map(({ tier, name, values }) => ({
        type: "bar", name, data: values, stack: "tiers", barMaxWidth: 64,
        itemStyle: { color: colour(`--fp-chart-${tier}`), borderColor: colour("--fp-card"), borderWidth: 1 },
      })),
    };
  };

  if (host && table) {
    const chart = echarts.init(host);
    const draw = () => chart.setOption(options(readTable()), true);
    draw();
    new ResizeObserver(() => chart.resize()).observe(host);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }
}
