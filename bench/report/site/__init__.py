"""The records as one page for people.

data.py      what the page holds, typed, and as JSON
collect.py   records -> that data, of the parts that views.py and others.py make
charts.py    what its charts look like
page.py      the data and the charts -> the text of the file
"""
