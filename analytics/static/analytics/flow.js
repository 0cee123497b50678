// Draws the graph anew when a change of the scope has swapped the dashboard, or Back has brought an older one.
"use strict";
{
  const draw = () => {
    for (const host of document.querySelectorAll(".fp-graph[data-definition]")) window.flowpilotGraph.show(host);
  };
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("htmx:historyRestore", draw);
}
