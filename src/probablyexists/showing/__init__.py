"""A local page to look at an audit: whom each sample resembles, everybody's photos, and what to withhold."""
