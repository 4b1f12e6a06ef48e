# How often, and how unevenly, each teacher solves a query.
#
# REQUIRED INPUTS:  <results>/queries/shards/{shard}.parquet, <results>/verdicts/{teacher}/{shard}.parquet
# OUTPUTS:          <results>/difficulty/{shard}.parquet    a row for each query
#                   <results>/difficulty/table.parquet      all shards


rule measure_difficulty:
    input:
        queries="<results>/queries/shards/{shard}.digest.json",
        verdicts=expand(
            "<results>/verdicts/{teacher}/{{shard}}.digest.json",
            teacher=config["teachers"],
        ),
    output:
        difficulty="<results>/difficulty/{shard}.parquet",
        digest="<results>/difficulty/{shard}.digest.json",
    log:
        "<logs>/measure_difficulty/{shard}.log",
    conda:
        "../envs/data.yaml"
    params:
        code=code("measure_difficulty"),
        config=sliced(slices.measure_difficulty),
    shell:
        """
        python scripts/measure_difficulty.py \
            --queries {input.queries:q} \
            --verdicts {input.verdicts:q} \
            --config {params.config:q} \
            --output {output.difficulty:q} >{log:q} 2>&1
        """


rule collect_difficulty:
    input:
        shards=expand("<results>/difficulty/{shard}.digest.json", shard=SHARDS),
    output:
        table="<results>/difficulty/table.parquet",
        digest="<results>/difficulty/table.digest.json",
    log:
        "<logs>/collect_difficulty.log",
    conda:
        "../envs/data.yaml"
    params:
        code=code("collect_difficulty"),
        teachers=list(config["teachers"]),
    shell:
        """
        python scripts/collect_difficulty.py \
            --shards {input.shards:q} \
            --teachers {params.teachers:q} \
            --output {output.table:q} >{log:q} 2>&1
        """
