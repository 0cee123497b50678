"""The session runner: a technician works one problem, guided by a flow or free-form.

What it records are the sessions and steps that analysis reads; nothing is translated in between.
"""
