"""Studies as a report: one HTML file that needs nothing else, figures for papers, and all of it as numbers.

`build` reads the folders and computes, `render_page` writes the page, `write_figures` the files. matplotlib and jinja2
(`pip install 'skiploop[report]'`) are imported where something is drawn, so that the numbers come without them.

build       from folders to a report
run_folder  the folder of one run, as sections read it
parts       what a report is made of: sections, tables, figures
names       what people read for arms, spaces, transitions
canvas      figures drawn by matplotlib, their colours
charts      the kinds of charts
route_plot  accuracy of routers against their layer calls
terminal/   a study for people, in a terminal
sections/   one subject of the report a file
sentences/  what figures say
page/       the HTML file
"""

from __future__ import annotations

from skiploop.reporting.build import Report, build
from skiploop.reporting.page.page import render_page, write_figures
from skiploop.reporting.parts import Cell, Column, Figure, ReportTable, Section

__all__ = ["Cell", "Column", "Figure", "Report", "ReportTable", "Section", "build", "render_page", "write_figures"]
