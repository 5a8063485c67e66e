"""The records as one page for people.

data.py      what the page holds, typed, and as JSON
collect.py   records -> that data: `site_of`; prose.py, grids.py, views.py and others.py are its parts
page.py      that data -> the text of the file: `page(site: Site) -> str`
"""
