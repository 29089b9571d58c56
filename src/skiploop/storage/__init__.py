"""Files that survive a kill at any moment, and text that came in a file. No torch; knows nothing of what it stores.

files         JSON files, written whole or not at all
journal       an append-only file of batches of lines, each there as a whole or not at all
records       dataclasses as JSON and back
lock          one process in a folder at a time (filelock)
foreign_text  text from elsewhere as it may be shown
"""
