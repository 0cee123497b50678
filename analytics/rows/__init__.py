"""The rows behind a figure: each kind of row, and the list page that shows just those that a card counted."""
