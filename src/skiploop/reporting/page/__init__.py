"""The report as one HTML file, with its template, style and script.

page       `render_page`, `write_figures`
settings   title, subtitle and run.json
glossary   what terms mean, with a link at the first use of each
paths      paths of the machine, left out
explorer   one input after another
tree       a search tree, drawn
"""
