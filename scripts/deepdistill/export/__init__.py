"""Selected sets and all responses in the forms in which others read them."""
