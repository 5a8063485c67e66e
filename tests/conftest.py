collect_ignore = ["plugin"]  # a package of its own, which test_plugin.py installs elsewhere
