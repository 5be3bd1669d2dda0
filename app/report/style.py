"""Colours and the style sheet of report and charts. Colours are variables, so that the dark scheme and paper differ
only in their values."""

from __future__ import annotations

LIGHT = {
    "page": "#f6f7f9",
    "paper": "#ffffff",
    "ink": "#1c2128",
    "soft": "#667080",
    "rule": "#e3e7ec",
    "good": "#17803d",
    "bad": "#d1242f",
    "link-0": "#2f6fdb",
    "link-1": "#c77700",
    "link-2": "#0f8f6f",
    "link-3": "#8250df",
    "link-4": "#7d8794",
    "link-5": "#bf3989",
}
DARK = {
    "page": "#0e1116",
    "paper": "#161b22",
    "ink": "#e6eaf0",
    "soft": "#919baa",
    "rule": "#2b323c",
    "good": "#4cc26b",
    "bad": "#ff6b6b",
    "link-0": "#6ea8ff",
    "link-1": "#eda53a",
    "link-2": "#3fc79e",
    "link-3": "#b98cff",
    "link-4": "#8d98a7",
    "link-5": "#f07bbd",
}
LINKS = ("Uu", "N2", "T4", "T8", "bus")
"""Links in the order of their colours; others share the last one."""


def link_colour(link: str) -> str:
    """The colour class of a link: c0, c1..."""
    return f"c{LINKS.index(link) if link in LINKS else len(LINKS)}"


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


_COLOURS = "\n".join(f".c{index}{{--c:var(--link-{index})}}" for index in range(len(LINKS) + 1))

SCHEMES = f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
"""

CHART = f"""
svg.chart{{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}}
svg.chart text{{fill:var(--ink)}}
svg.chart .soft{{fill:var(--soft)}}
svg.chart .grid{{stroke:var(--rule);stroke-width:1}}
svg.chart .axis{{stroke:var(--soft);stroke-width:1}}
svg.chart .line{{fill:none;stroke:var(--c);stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}}
svg.chart .reference{{stroke:var(--c);stroke-width:1.5;stroke-dasharray:5 4}}
svg.chart .fill{{fill:var(--c)}}
svg.chart .dot{{fill:var(--paper);stroke:var(--c);stroke-width:2}}
svg.chart text.name{{fill:var(--c);font-weight:600}}
svg.chart .halo{{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}}
svg.chart .lane{{stroke:var(--rule);stroke-width:1.5}}
svg.chart .gap{{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 4}}
svg.chart .joint{{fill:none;stroke:var(--soft);stroke-width:1.25}}
svg.chart .guest{{fill:var(--paper);stroke:var(--link-2)}}
svg.chart .box{{fill:var(--page);stroke:var(--rule)}}
svg.chart .arrow{{stroke:var(--c);stroke-width:1.5;fill:none}}
svg.chart .lost{{--c:var(--bad)}}
svg.chart .lost .arrow{{stroke-dasharray:5 3}}
svg.chart .lost text{{fill:var(--bad)}}
svg.chart .fold{{fill:var(--page);stroke:var(--rule)}}
svg.chart .again{{fill:none;stroke:var(--soft);stroke-width:1.5}}
svg.chart .bar{{fill:var(--good);opacity:.75}}
svg.chart .bar.failed{{fill:var(--bad)}}
svg.chart .leader{{stroke:var(--rule);fill:none}}
{_COLOURS}
"""

PAGE = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1160px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:26px;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 12px}
p{margin:0}
.soft{color:var(--soft)}
.small{font-size:13px}
header p{margin-top:4px}
section,.card{background:var(--paper);border:1px solid var(--rule);border-radius:10px;padding:18px 20px;margin-top:16px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:16px;margin-top:20px}
.cards .card{margin:0}
.card .value{font-size:30px;line-height:1.25;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums;
overflow-wrap:anywhere}
.card .unit{font-size:15px;font-weight:400;color:var(--soft);letter-spacing:0}
.card dl{display:grid;grid-template-columns:1fr auto;gap:2px 12px;margin:6px 0 0;font-size:14px}
.card dd .unit{font-size:13px}
.pairs{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:16px;margin-top:16px;align-items:start}
.pairs>section{margin:0;min-width:0}.pairs>div{min-width:0}.pairs>div>section:first-child{margin:0}
details{margin-top:10px}
.good{color:var(--good)}.bad{color:var(--bad)}
dl{margin:0}dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}dt{color:var(--soft)}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px}
table{border-collapse:collapse;width:100%;font-size:14px}
th{font-weight:500;color:var(--soft);text-align:left}
th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
.wide{overflow-x:auto}
.note{border-left:4px solid var(--bad)}
.note ul{margin:0;padding-left:20px}
a{color:var(--link-0);text-decoration:none}a:hover{text-decoration:underline}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
summary{cursor:pointer;color:var(--soft)}
@media (max-width:520px){main{padding:20px 12px}.pairs{grid-template-columns:1fr}}
@media print{body{background:none;font-size:12px}main{max-width:none;padding:0}
section,.card{break-inside:avoid;border-color:#ccc}section.long{break-inside:auto}.wide{overflow:visible}}
"""
