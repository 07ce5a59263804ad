"""The website's side: the channel that visitors' browsers talk to, the pages, and the widget."""
