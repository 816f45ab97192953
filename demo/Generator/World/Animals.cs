using FedLLM.DemoData.Drawing;

namespace FedLLM.DemoData.World;

/// <summary>An animal: its names, color, sound (a verb), home, food (a plural or a mass noun) and nature (an adjective).</summary>
internal sealed record Animal(string Name, string Plural, string Color, string Sound, string Home, string Food, string Nature)
{
    /// <summary>The home with its preposition: <c>on the hill</c>.</summary>
    public string At => Animals.At(Home);

    /// <summary>The sound in the third person.</summary>
    public string Sounds => English.Third(Sound);
}

/// <summary>The animals of the demo's world.</summary>
internal static class Animals
{
    private static readonly string[] OnHomes = ["hill", "farm", "plain", "mountain", "coast"];

    /// <summary>All animals.</summary>
    public static readonly IReadOnlyList<Animal> All = Table.Rows(
        """
        fox|foxes|red|yelp|forest|berries|clever
        otter|otters|brown|whistle|river|fish|playful
        owl|owls|gray|hoot|barn|mice|wise
        frog|frogs|green|croak|pond|flies|merry
        cow|cows|white|moo|meadow|grass|calm
        sheep|sheep|white|bleat|hill|grass|shy
        horse|horses|brown|neigh|stable|hay|strong
        pig|pigs|pink|grunt|farm|corn|funny
        duck|ducks|yellow|quack|lake|bread|cheerful
        hen|hens|brown|cluck|yard|seeds|busy
        cat|cats|black|purr|house|milk|proud
        dog|dogs|brown|bark|garden|bones|loyal
        lion|lions|golden|roar|plain|meat|brave
        tiger|tigers|orange|growl|jungle|meat|proud
        bear|bears|brown|snort|mountain|honey|strong
        wolf|wolves|gray|howl|forest|meat|patient
        mouse|mice|gray|squeak|kitchen|cheese|tiny
        rabbit|rabbits|white|thump|field|carrots|quick
        goose|geese|white|honk|marsh|grass|bossy
        snake|snakes|green|hiss|desert|eggs|silent
        bee|bees|yellow|buzz|garden|nectar|busy
        crow|crows|black|caw|field|corn|clever
        elephant|elephants|gray|trumpet|plain|leaves|gentle
        monkey|monkeys|brown|chatter|jungle|bananas|funny
        parrot|parrots|green|talk|jungle|nuts|noisy
        whale|whales|blue|sing|ocean|fish|gentle
        dolphin|dolphins|gray|click|ocean|fish|friendly
        donkey|donkeys|gray|bray|farm|hay|stubborn
        goat|goats|white|bleat|mountain|leaves|curious
        turkey|turkeys|black|gobble|yard|seeds|noisy
        cricket|crickets|black|chirp|meadow|leaves|merry
        robin|robins|red|sing|garden|worms|cheerful
        pigeon|pigeons|gray|coo|town|crumbs|calm
        camel|camels|golden|grunt|desert|thorns|patient
        penguin|penguins|black|squawk|coast|fish|funny
        deer|deer|brown|stamp|forest|leaves|shy
        squirrel|squirrels|red|chatter|park|nuts|quick
        eagle|eagles|golden|screech|mountain|fish|brave
        turtle|turtles|green|snap|lake|plants|slow
        bat|bats|black|click|cave|moths|silent
        toad|toads|brown|croak|marsh|slugs|lazy
        gull|gulls|white|shriek|coast|fish|bold
        """,
        f => new Animal(f[0], f[1], f[2], f[3], f[4], f[5], f[6]));

    /// <summary>Puts the preposition and the article before a place.</summary>
    public static string At(string home) => (OnHomes.Contains(home) ? "on the " : "in the ") + home;
}
