"""The explorer: a page on which latents are moved by hand, with the decoded observation and the response beside them.

A page is one HTML file with the model inside, or is served by a process that runs the model. Both get the same data,
which :mod:`lr_lightning.explorer.data_object` collects from the assays.
"""
