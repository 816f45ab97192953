namespace FedLLM.DemoData.World;

/// <summary>A countable thing and its plural.</summary>
internal sealed record Thing(string Name, string Plural);

/// <summary>A fruit or vegetable: its names, color, taste (an adjective) and kind.</summary>
internal sealed record Food(string Name, string Plural, string Color, string Taste, string Kind);

/// <summary>A tool or a person's work: its names and what it does (a phrase that opens with a verb).</summary>
internal sealed record Doer(string Name, string Plural, string Does, bool IsPerson)
{
    /// <summary>What it is: <c>a tool that</c> or <c>a person who</c>.</summary>
    public string KindThat => IsPerson ? "a person who" : "a tool that";
}

/// <summary>The things, foods, tools and jobs of the demo's world.</summary>
internal static class Things
{
    /// <summary>Things that people hold, lose and find.</summary>
    public static readonly IReadOnlyList<Thing> Toys = Table.Rows(
        """
        ball|balls
        kite|kites
        hat|hats
        boat|boats
        drum|drums
        cup|cups
        box|boxes
        scarf|scarves
        book|books
        coat|coats
        basket|baskets
        flag|flags
        wagon|wagons
        ribbon|ribbons
        shell|shells
        stone|stones
        bottle|bottles
        chair|chairs
        bag|bags
        ring|rings
        glove|gloves
        coin|coins
        """,
        f => new Thing(f[0], f[1]));

    /// <summary>More things with the plurals that must be learned by heart or by their ending.</summary>
    public static readonly IReadOnlyList<Thing> Others = Table.Rows(
        """
        bus|buses
        dish|dishes
        wish|wishes
        glass|glasses
        bush|bushes
        match|matches
        church|churches
        bench|benches
        watch|watches
        dress|dresses
        class|classes
        branch|branches
        berry|berries
        city|cities
        lady|ladies
        baby|babies
        puppy|puppies
        story|stories
        party|parties
        penny|pennies
        fairy|fairies
        pony|ponies
        leaf|leaves
        loaf|loaves
        shelf|shelves
        half|halves
        thief|thieves
        man|men
        woman|women
        child|children
        foot|feet
        tooth|teeth
        ox|oxen
        tree|trees
        house|houses
        river|rivers
        road|roads
        star|stars
        bridge|bridges
        window|windows
        door|doors
        mill|mills
        tower|towers
        flower|flowers
        cloud|clouds
        """,
        f => new Thing(f[0], f[1]));

    /// <summary>Fruit and vegetables.</summary>
    public static readonly IReadOnlyList<Food> Foods = Table.Rows(
        """
        apple|apples|red|sweet|fruit
        lemon|lemons|yellow|sour|fruit
        plum|plums|purple|sweet|fruit
        cherry|cherries|red|sweet|fruit
        pear|pears|green|soft|fruit
        banana|bananas|yellow|soft|fruit
        grape|grapes|purple|sour|fruit
        peach|peaches|orange|soft|fruit
        melon|melons|green|fresh|fruit
        fig|figs|purple|rich|fruit
        carrot|carrots|orange|sweet|vegetable
        onion|onions|white|sharp|vegetable
        potato|potatoes|brown|plain|vegetable
        tomato|tomatoes|red|fresh|vegetable
        pea|peas|green|sweet|vegetable
        bean|beans|green|plain|vegetable
        pepper|peppers|red|hot|vegetable
        radish|radishes|pink|sharp|vegetable
        cabbage|cabbages|green|plain|vegetable
        pumpkin|pumpkins|orange|rich|vegetable
        """,
        f => new Food(f[0], f[1], f[2], f[3], f[4]));

    /// <summary>Tools, and the people who do a job.</summary>
    public static readonly IReadOnlyList<Doer> Doers = Table.Rows(
        """
        hammer|hammers|drive nails
        saw|saws|cut wood
        broom|brooms|sweep floors
        needle|needles|sew cloth
        spoon|spoons|stir soup
        brush|brushes|paint walls
        shovel|shovels|dig holes
        rake|rakes|gather leaves
        knife|knives|slice bread
        key|keys|open doors
        lamp|lamps|light rooms
        clock|clocks|tell time
        scale|scales|weigh fruit
        ladder|ladders|reach roofs
        bucket|buckets|carry water
        kettle|kettles|boil water
        oven|ovens|bake cakes
        pen|pens|write letters
        rope|ropes|tie boats
        net|nets|catch fish
        plow|plows|turn soil
        mop|mops|wash floors
        bell|bells|call people
        axe|axes|chop logs
        comb|combs|tidy hair
        baker|bakers|bake bread|person
        farmer|farmers|grow corn|person
        teacher|teachers|teach children|person
        doctor|doctors|heal people|person
        sailor|sailors|sail ships|person
        painter|painters|paint pictures|person
        tailor|tailors|sew coats|person
        miller|millers|grind grain|person
        singer|singers|sing songs|person
        writer|writers|write books|person
        driver|drivers|drive trucks|person
        builder|builders|build houses|person
        gardener|gardeners|plant flowers|person
        nurse|nurses|help doctors|person
        pilot|pilots|fly planes|person
        cook|cooks|make soup|person
        mason|masons|lay stones|person
        judge|judges|settle fights|person
        hunter|hunters|follow tracks|person
        postman|postmen|bring letters|person
        """,
        f => new Doer(f[0], f[1], f[2], f.Length > 3));

    /// <summary>Every countable noun of the world, each once.</summary>
    public static readonly IReadOnlyList<Thing> Nouns =
    [
        .. Toys, .. Others,
        .. Animals.All.Select(a => new Thing(a.Name, a.Plural)),
        .. Foods.Select(f => new Thing(f.Name, f.Plural)),
        .. Doers.Select(t => new Thing(t.Name, t.Plural)),
    ];
}
