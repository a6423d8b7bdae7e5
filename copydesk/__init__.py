"""The command `copydesk`: arguments, progress and messages. Thin: what it does is done by the other packages."""
