"""The technician's pages: plain forms and links, which htmx makes quicker where there is a script."""
