"""The report as one HTML file, with its template, style and script.

page       `render_page`, `write_figures`
explorer   one input after another
tree       a search tree, drawn
"""
