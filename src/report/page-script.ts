/**
 * What a report does in the browser: unpacks Plotly, which the page carries compressed, and puts an interactive chart in the
 * place of each still picture. Where anything of that fails, the still pictures stay. Written for the browser, hence as text.
 */
export const pageScript = `
(async () => {
  const packed = document.getElementById('plotly');
  const charts = [...document.querySelectorAll('.chart[data-figure]')];
  if (!packed || charts.length === 0 || typeof DecompressionStream === 'undefined') return;
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const script = document.createElement('script');
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  const Plotly = window.Plotly;
  if (!Plotly) return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = (given, more) => ({ ...given, gridcolor: colour('--grid'), linecolor: colour('--line'), tickcolor: colour('--line'),
    ...more, title: { ...given?.title, font: { size: 12, color: colour('--muted') } } });
  // Room for names of any length; numbers have enough, and Plotly's search for more room does not always end.
  const named = (data, name) => ({ automargin: data.some((trace) => typeof trace[name]?.[0] === 'string') });
  const themed = ({ data, layout }) => ({
    ...layout, autosize: true, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', colorway: JSON.parse(packed.dataset.colours),
    margin: { l: 64, r: 12, t: 12, b: 44 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour('--muted') },
    legend: { ...layout.legend, font: { color: colour('--ink') } },
    hoverlabel: { bgcolor: colour('--surface'), bordercolor: colour('--line'), font: { color: colour('--ink') } },
    xaxis: axis(layout.xaxis, { showgrid: false, showline: true, ...named(data, 'x') }), yaxis: axis(layout.yaxis, named(data, 'y')),
  });
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'] };
  const drawn = [];
  for (const chart of charts) {
    const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    const live = chart.querySelector('.live');
    const still = chart.querySelector('.still');
    live.hidden = false;
    still.hidden = true;
    try {
      await Plotly.newPlot(live, figure.data, themed(figure), config);
      drawn.push({ live, figure });
      chart.dataset.drawn = 'true';
    } catch (error) {
      live.hidden = true;
      still.hidden = false;
      console.error(error);
    }
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { live, figure } of drawn) Plotly.relayout(live, themed(figure));
  });
})();
`;
