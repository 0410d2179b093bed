"""``python -m benchmarks tables``: xpnet beside its peers on fifteen real tables.

    archives → sources → splits → contenders → runs (one process each) → scores → summary → picture

`worker` and `fits` also run in the peers' own environment. They import nothing of xpnet, except
for xpnet's own contenders.
"""
