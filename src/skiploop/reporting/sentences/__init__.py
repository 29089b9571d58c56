"""What figures say, in sentences, for the terminal and the page alike.

search     what a search shows and what it doesn't
controls   what the controls say
whole      a full study
analyses   what analyses say
"""
