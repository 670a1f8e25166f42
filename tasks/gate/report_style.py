"""How the HTML report looks: calm, legible, light or dark as the reader's system is, and fit to print."""

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M2 15V6a6 6 0 0 1 12 0v9M2 9h12M6 3v12M10 3v12' fill='none' stroke='%234a6b8a' stroke-width='1.5'/%3E"
    "%3C/svg%3E"
)

STYLE = """
:root{--paper:#fbfaf8;--card:#fff;--ink:#23282e;--soft:#646d77;--line:#e5e2dc;--tint:#f4f2ee;
--good:#2c7a55;--good-tint:#e4f2ea;--warn:#95650c;--warn-tint:#fbf0d9;--bad:#b3392f;--bad-tint:#fbe7e4;
--wait:#3a6ea5;--wait-tint:#e5eef8;--quiet:#7b838c;--quiet-tint:#efedea;--bar:#86a9c4}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1b1f23;--ink:#e3e6e9;--soft:#99a3ad;--line:#2c3238;
--tint:#22272c;--good:#79c9a0;--good-tint:#1a3328;--warn:#e3b761;--warn-tint:#382d16;--bad:#f0938a;--bad-tint:#412220;
--wait:#8db8e4;--wait-tint:#1c2f42;--quiet:#8b949d;--quiet-tint:#262b30;--bar:#4f7390}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:61rem;margin:0 auto;padding:2.2rem 1.2rem 3rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
code{overflow-wrap:anywhere}
h1{font-size:1.9rem;line-height:1.2;letter-spacing:-.015em;margin:.1rem 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.16rem;margin:0 0 .3rem;display:flex;align-items:center;gap:.55rem;letter-spacing:-.005em}
p{margin:.3rem 0 .8rem}
section,.hero{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.25rem 1.45rem;margin:0 0 1.1rem}
.hero{border-top:4px solid var(--quiet);padding-top:1.15rem}
.hero.good{border-top-color:var(--good)}.hero.warn{border-top-color:var(--warn)}
.hero.bad{border-top-color:var(--bad)}.hero.wait{border-top-color:var(--wait)}
.brand{color:var(--soft);font-size:.82rem;letter-spacing:.04em;margin:0}
.outcome{margin:0 0 .35rem}
.outcome .pill{font-size:.95rem;font-weight:600;padding:.18em .8em}
.said{font-size:1.17rem;line-height:1.45;margin:.35rem 0 .9rem;max-width:46rem;overflow-wrap:anywhere}
.hint{border-left:3px solid var(--line);padding-left:.8rem;color:var(--soft);max-width:46rem;overflow-wrap:anywhere}
.next code{background:var(--tint);padding:.2em .5em;border-radius:6px}
.lead{color:var(--soft);margin-bottom:.9rem;overflow-wrap:anywhere}
.pill{display:inline-block;border-radius:99px;padding:.05em .65em;font-size:.88em;white-space:nowrap;background:var(--quiet-tint);color:var(--quiet)}
.pill.good{background:var(--good-tint);color:var(--good)}.pill.warn{background:var(--warn-tint);color:var(--warn)}
.pill.bad{background:var(--bad-tint);color:var(--bad)}.pill.wait{background:var(--wait-tint);color:var(--wait)}
.mark{display:inline-flex;align-items:center;justify-content:center;width:1.45rem;height:1.45rem;flex:none;border-radius:50%;
font-size:.82rem;font-weight:700;line-height:1;background:var(--quiet-tint);color:var(--quiet)}
.mark.good{background:var(--good-tint);color:var(--good)}.mark.warn{background:var(--warn-tint);color:var(--warn)}
.mark.bad{background:var(--bad-tint);color:var(--bad)}.mark.wait{background:var(--wait-tint);color:var(--wait)}
dl{margin:.2rem 0 .7rem;display:grid;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr));gap:0 1.6rem}
dl div{padding:.45rem 0;border-top:1px solid var(--line);min-width:0}
dl div.long{grid-column:1/-1}
dt{color:var(--soft);font-size:.82rem}
dd{margin:0;min-width:0;overflow-wrap:anywhere}
.bar{display:flex;height:1.7rem;border-radius:7px;overflow:hidden;gap:2px;margin:.8rem 0 .3rem}
.bar i{display:block;background:var(--bar);min-width:3px;overflow:hidden;font-style:normal;font-size:.75rem;line-height:1.7rem;color:#fff;text-align:center}
.bar i span{display:block;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;padding:0 .4rem}
.bar i:nth-of-type(even){filter:brightness(.92)}
.bar i.bad{background:var(--bad);color:var(--paper)}
.bar i.waiting{background:repeating-linear-gradient(45deg,var(--tint) 0 5px,var(--line) 5px 10px);color:var(--soft)}
.scale{color:var(--soft);font-size:.82rem;margin:0 0 .6rem}
.checklist ol{list-style:none;margin:0;padding:0}
.checklist li{display:grid;grid-template-columns:1.45rem 10rem 6rem 1fr;gap:0 .8rem;align-items:baseline;padding:.48rem 0;border-top:1px solid var(--line)}
.checklist li .mark{align-self:start;margin-top:.08rem}
.checklist li b{font-weight:600}
.checklist li.quiet b,.checklist li.quiet>span:last-child{color:var(--quiet);font-weight:400}
.checklist li>span:last-child{overflow-wrap:anywhere}
time{color:var(--soft);font-variant-numeric:tabular-nums;font-size:.9rem;text-align:right}
nav{display:flex;flex-wrap:wrap;gap:.35rem;margin:0 0 1.1rem}
nav a{color:var(--soft);text-decoration:none;font-size:.88rem;padding:.2rem .7rem;border:1px solid var(--line);border-radius:99px;background:var(--card)}
nav a:hover,nav a:focus-visible{color:var(--ink);border-color:var(--soft)}
.wide{overflow-x:auto;margin:.4rem 0 .9rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{color:var(--soft);font-weight:500;font-size:.84rem;text-align:left;white-space:nowrap}
th,td{padding:.42rem .9rem .42rem 0;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0}
td.figure:first-child,th.figure:first-child{text-align:left}
td{overflow-wrap:break-word;min-width:4.5rem}
.figure{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;overflow-wrap:normal}
ul{margin:.2rem 0 .9rem;padding-left:1.2rem}
li{overflow-wrap:anywhere}
ul.bad>li::marker{color:var(--bad)}ul.warn>li::marker{color:var(--warn)}ul.good>li::marker{color:var(--good)}
figure{margin:.3rem 0 .9rem}
figcaption{color:var(--soft);font-size:.88rem;margin-bottom:.25rem;overflow-wrap:anywhere}
pre{margin:0;background:var(--tint);border-radius:8px;padding:.75rem .95rem;overflow-x:auto;line-height:1.5;max-height:36rem}
pre code{overflow-wrap:normal}
.plus{color:var(--good)}.minus{color:var(--bad)}.remark{color:var(--soft)}
details{border-top:1px solid var(--line);padding:.45rem 0}
details figure,details ul{margin-top:.5rem}
summary{cursor:pointer;overflow-wrap:anywhere}
summary:hover{color:var(--wait)}
footer{color:var(--soft);font-size:.85rem;padding:.6rem .2rem;overflow-wrap:anywhere}
@media (max-width:40rem){main{padding:1rem .7rem 2rem}section,.hero{padding:1rem 1rem;border-radius:10px}h1{font-size:1.45rem}
.said{font-size:1.06rem}.checklist li{grid-template-columns:1.45rem 1fr auto}.checklist li>span:last-child{grid-column:2/4}
dl{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}.bar i span{display:none}td{min-width:7rem}td:first-child{min-width:9rem}}
@media print{body{background:#fff}section,.hero{break-inside:avoid;border-color:#ccc}nav{display:none}pre{max-height:none;white-space:pre-wrap}}
"""  # noqa: E501
